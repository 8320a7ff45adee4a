package receipt

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

func sealed(t *testing.T, submissions int) (*journal.Block, schemas.KeySet) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &journal.Block{Sequence: 42, ReceivedAt: time.Date(2026, 5, 1, 2, 3, 4, 50e6, time.UTC)}
	for i := range submissions {
		b.Submissions = append(b.Submissions, journal.Submission{
			Dataset: "tourism_flow", Agency: "dazu-wlj", Received: uint32(i + 2), Accepted: uint32(i + 1), Rejected: 1, Superseded: uint32(i), SHA256: [32]byte{byte(i), 0xab},
		})
	}
	Seal(b, func(message []byte) (string, []byte) { return "key-1", ed25519.Sign(private, message) })
	return b, schemas.KeySet{"key-1": public}
}

// What a push is answered is what the receipt is, whoever writes it down, and it
// verifies, whether the tree is at hand or made again from the journal's block.
func TestEveryReceiptOfABlockVerifiesAndIsWrittenAlike(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 64, 100} {
		b, keys := sealed(t, n)
		for _, tree := range []*schemas.Tree{b.Tree, nil} {
			b.Tree = tree
			for i := range n {
				r := For(b, i)
				if r.Path == nil {
					r.Path = []string{}
				}
				if err := schemas.VerifyReceipt(&r, keys); err != nil {
					t.Fatalf("%d of %d: %v", i, n, err)
				}
				written := AppendJSON(nil, b, i, []byte(`[]`))
				var back schemas.Receipt
				if err := json.Unmarshal(written, &back); err != nil {
					t.Fatalf("%s: %v", written, err)
				}
				back.Errors = nil
				if fmt.Sprint(back) != fmt.Sprint(r) {
					t.Fatalf("%s\nis not %+v", written, r)
				}
				if err := schemas.VerifyReceipt(&back, keys); err != nil {
					t.Fatalf("%d of %d as written: %v", i, n, err)
				}
			}
		}
	}
}

func TestASubmissionsNameIsItsPlace(t *testing.T) {
	for _, id := range []string{"1-0", "42-7", "1099511627775-16777215"} {
		sequence, index, err := ParseID(id)
		if err != nil || ID(sequence, index) != id {
			t.Errorf("%s: %d %d %v", id, sequence, index, err)
		}
	}
	for _, id := range []string{"", "0-1", "1", "1-", "-1", "01-1", "1-01", "1-1-1", "1- 1", "9999999999999-1", "1-99999999"} {
		if _, _, err := ParseID(id); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
}
