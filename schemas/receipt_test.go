package schemas

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sealed makes a block of n receipts signed by the key that seed gives.
func sealed(n int, sequence uint64, seed byte) ([]Receipt, KeySet) {
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), 32)))
	receipts := make([]Receipt, n)
	leaves := make([][32]byte, n)
	for i := range receipts {
		body := sha256.Sum256(fmt.Appendf(nil, "body %d", i))
		receipts[i] = Receipt{
			Submission: fmt.Sprintf("%d-%d", sequence, i), Dataset: "tourism_flow", Agency: "dazu-wlj",
			Received: 10 + i, Accepted: 8 + i, Rejected: 2, Superseded: 1, Sequence: sequence,
			SHA256: hex.EncodeToString(body[:]), ReceivedAt: time.Date(2025, 10, 1, 9, 5, 0, 123e6, time.UTC), KID: "r1",
		}
		leaves[i] = receipts[i].Leaf()
	}
	tree := NewTree(leaves)
	signature := EncodeSignature(ed25519.Sign(private, SignedBlock(sequence, tree.Root())))
	for i := range receipts {
		receipts[i].Signature, receipts[i].Path = signature, tree.Path(i)
	}
	return receipts, KeySet{"r1": private.Public().(ed25519.PublicKey)}
}

func TestEveryReceiptOfABlockVerifies(t *testing.T) {
	for n := 1; n <= 33; n++ {
		receipts, keys := sealed(n, 42, 'a')
		for i := range receipts {
			if err := VerifyReceipt(&receipts[i], keys); err != nil {
				t.Fatalf("receipt %d of %d: %v", i, n, err)
			}
		}
	}
}

func TestAReceiptVerifiesAfterATripThroughJSON(t *testing.T) {
	receipts, keys := sealed(5, 7, 'a')
	r := receipts[3]
	r.ReceivedAt = r.ReceivedAt.In(time.FixedZone("", 8*3600)) // the same instant, another offset
	text, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	var back Receipt
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if err := VerifyReceipt(&back, keys); err != nil {
		t.Error(err)
	}
}

// The tree must be RFC 6962's own, split at the largest power of two below n.
func TestTreeIsThatOfRFC6962(t *testing.T) {
	var reference func(leaves [][32]byte) [32]byte
	reference = func(leaves [][32]byte) [32]byte {
		if len(leaves) == 1 {
			return leaves[0]
		}
		k := 1
		for k*2 < len(leaves) {
			k *= 2
		}
		return HashNode(reference(leaves[:k]), reference(leaves[k:]))
	}
	var leaves [][32]byte
	for n := range 130 {
		leaves = append(leaves, sha256.Sum256([]byte{0, byte(n)}))
		if got, want := NewTree(leaves).Root(), reference(leaves); got != want {
			t.Fatalf("root of %d leaves is %x, want %x", n+1, got, want)
		}
	}
}

func TestCanonicalFormIsFixed(t *testing.T) {
	receipts, _ := sealed(1, 42, 'a')
	want := "zida-receipt-v1\n42-0\ntourism_flow\ndazu-wlj\n10\n8\n2\n1\n42\n" +
		"f1f80d61bb4c5ce8a03bfb8e5a21c2c4dff6e4c8c2f6f9d8fb2b0b7b8e1b7a10\n2025-10-01T09:05:00.123Z\n"
	receipts[0].SHA256 = "f1f80d61bb4c5ce8a03bfb8e5a21c2c4dff6e4c8c2f6f9d8fb2b0b7b8e1b7a10"
	if got := string(receipts[0].AppendCanonical(nil)); got != want {
		t.Errorf("canonical form:\n%s\nwant:\n%s", got, want)
	}
	if got := string(SignedBlock(42, [32]byte{1})); got != "zida-block-v1\n42\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" {
		t.Errorf("signed block: %q", got)
	}
}

// altered has one way of altering each field of a receipt but Errors.
var altered = map[string]func(*Receipt){
	"Submission": func(r *Receipt) { r.Submission = "42-9" },
	"Dataset":    func(r *Receipt) { r.Dataset = "park_monthly" },
	"Agency":     func(r *Receipt) { r.Agency = "ziyang-wlj" },
	"Received":   func(r *Receipt) { r.Received++ },
	"Accepted":   func(r *Receipt) { r.Accepted-- },
	"Rejected":   func(r *Receipt) { r.Rejected = -r.Rejected },
	"Superseded": func(r *Receipt) { r.Superseded = 0 },
	"Sequence":   func(r *Receipt) { r.Sequence++ },
	"SHA256":     func(r *Receipt) { r.SHA256 = strings.Repeat("0", 64) },
	"ReceivedAt": func(r *Receipt) { r.ReceivedAt = r.ReceivedAt.Add(time.Millisecond) },
	"KID":        func(r *Receipt) { r.KID = "r2" },
	"Signature":  func(r *Receipt) { r.Signature = EncodeSignature(make([]byte, 64)) },
	"Path":       func(r *Receipt) { r.Path = append([]string{}, r.Path[1:]...) },
}

func TestAlteringAnyFieldBreaksAReceipt(t *testing.T) {
	fields := reflect.TypeFor[Receipt]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		if name == "Errors" {
			continue // the receipt's own account of what was refused; not signed
		}
		alter, ok := altered[name]
		if !ok {
			t.Errorf("no alteration for the field %s: it must be signed, or named here as unsigned", name)
			continue
		}
		receipts, keys := sealed(6, 42, 'a')
		_, others := sealed(1, 42, 'b')
		keys["r2"] = others["r1"] // a key that the set knows, but not this receipt's
		alter(&receipts[2])
		if err := VerifyReceipt(&receipts[2], keys); err == nil {
			t.Errorf("%s: the altered receipt verifies", name)
		}
	}
}

func TestMalformedReceiptsAreRefusedWithTheirReason(t *testing.T) {
	f := func(want error, alter func(*Receipt)) {
		t.Helper()
		receipts, keys := sealed(4, 42, 'a')
		alter(&receipts[1])
		if err := VerifyReceipt(&receipts[1], keys); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	f(ErrReceiptKey, func(r *Receipt) { r.KID = "unknown" })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Agency = "" })
	// A line break could move text from one canonical line into the next.
	f(ErrReceiptMalformed, func(r *Receipt) { r.Dataset, r.Agency = "tourism_flow\ndazu", "wlj" })
	f(ErrReceiptMalformed, func(r *Receipt) { r.SHA256 = strings.ToUpper(r.SHA256) })
	f(ErrReceiptMalformed, func(r *Receipt) { r.ReceivedAt = r.ReceivedAt.Add(time.Nanosecond) })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Signature = "" })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Signature += "=" })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Path[0] = r.Path[0][2:] })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Path[0] = "x:" + r.Path[0][2:] })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Path[0] = "l:AAAA" })
	f(ErrReceiptMalformed, func(r *Receipt) { r.Path = make([]string, 41) })
	f(ErrReceiptSignature, func(r *Receipt) {
		if side, hash, _ := strings.Cut(r.Path[0], ":"); side == "l" {
			r.Path[0] = "r:" + hash
		} else {
			r.Path[0] = "l:" + hash
		}
	})
	f(ErrReceiptSignature, func(r *Receipt) { r.Path[0], r.Path[1] = r.Path[1], r.Path[0] })
}

func TestParseKeySet(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	x := base64.RawURLEncoding.EncodeToString(key)
	okp := func(kid, more string) string {
		return `{"kty":"OKP","crv":"Ed25519","kid":"` + kid + `","x":"` + x + `"` + more + `}`
	}
	f := func(fails bool, kids int, keys ...string) {
		t.Helper()
		set, err := ParseKeySet([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`))
		if (err != nil) != fails || len(set) != kids {
			t.Errorf("%v: %d keys, %v", keys, len(set), err)
		}
	}
	f(false, 1, okp("r1", ""))
	f(false, 2, okp("r1", `,"use":"sig","alg":"EdDSA"`), okp("r2", `,"status":"retired"`))
	f(false, 1, okp("r1", ""), `{"kty":"EC","crv":"P-256","kid":"e","x":"AA","y":"AA"}`) // another kind is left out
	f(true, 0)
	f(true, 0, okp("r1", `,"use":"enc"`))
	f(true, 0, okp("r1", `,"alg":"ES256"`))
	f(true, 0, okp("r1", `,"d":"AAAA"`)) // a private key
	f(true, 0, okp("", ""))
	f(true, 0, okp("r1", ""), okp("r1", ""))
	f(true, 0, `{"kty":"OKP","crv":"Ed25519","kid":"r1","x":"AAAA"}`)
	if _, err := ParseKeySet([]byte(`{"keys":`)); err == nil {
		t.Error("half a key set is read")
	}
}

func BenchmarkReceiptLeaf(b *testing.B) {
	receipts, _ := sealed(1, 42, 'a')
	b.ReportAllocs()
	for b.Loop() {
		receipts[0].Leaf()
	}
}

// A receipt and a key set as release 0.1.0 wrote them: other programs verify these,
// so a change of the form is a new version of it, not an edit.
func TestAReceiptOnFileStillVerifies(t *testing.T) {
	receipts, keys := sealed(5, 42, 'a')
	receipt, err := json.MarshalIndent(&receipts[2], "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "receipt", "receipt.json"), append(receipt, '\n'))
	x := base64.RawURLEncoding.EncodeToString(keys["r1"])
	golden(t, filepath.Join("testdata", "receipt", "keys.json"),
		[]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"r1","x":"`+x+`"}]}`+"\n"))

	var r Receipt
	if err := json.Unmarshal(fromFile(t, "receipt.json"), &r); err != nil {
		t.Fatal(err)
	}
	set, err := ParseKeySet(fromFile(t, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyReceipt(&r, set); err != nil {
		t.Error(err)
	}
}

func fromFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "receipt", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzVerifyReceipt(f *testing.F) {
	receipts, keys := sealed(5, 42, 'a')
	good, err := json.Marshal(&receipts[2])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"path":["l:"]}`))
	var want Receipt
	if err := json.Unmarshal(good, &want); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Receipt
		if json.Unmarshal(text, &r) != nil || VerifyReceipt(&r, keys) != nil {
			return
		}
		if !bytes.Equal(r.AppendCanonical(nil), want.AppendCanonical(nil)) {
			t.Errorf("a receipt that was never signed verifies: %s", text)
		}
	})
}
