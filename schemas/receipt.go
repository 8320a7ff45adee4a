package schemas

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Receipt is the hub's proof of what it took from a submission. Everything but
// Errors is covered by the signature: the counted fields through the leaf, Path by
// leading to the signed root, KID by choosing the key.
type Receipt struct {
	Submission string     `json:"submission"`
	Dataset    string     `json:"dataset"`
	Agency     string     `json:"agency"`
	Received   int        `json:"received"`
	Accepted   int        `json:"accepted"`
	Rejected   int        `json:"rejected"`
	Superseded int        `json:"superseded"`
	Sequence   uint64     `json:"sequence"`
	SHA256     string     `json:"sha256"` // lower-case hex, of the body after content decoding
	ReceivedAt time.Time  `json:"received_at"`
	KID        string     `json:"kid"`
	Signature  string     `json:"signature"` // base64 (RFC 4648 §4) of the block's Ed25519 signature
	Path       []string   `json:"path"`      // from the leaf up: "l:" or "r:" and the sibling's hash in base64
	Errors     []RowError `json:"errors,omitempty"`
}

// receiptTime is the canonical form of an instant: UTC, always three decimals.
const receiptTime = "2006-01-02T15:04:05.000Z"

// maxReceiptPath bounds a path: 2^40 receipts in one block are impossible.
const maxReceiptPath = 40

// AppendCanonical appends the receipt's canonical form, which is this text in
// UTF-8, each line ended by one LF, numbers in decimal without leading zeros:
//
//	zida-receipt-v1
//	<submission>
//	<dataset>
//	<agency>
//	<received>
//	<accepted>
//	<rejected>
//	<superseded>
//	<sequence>
//	<sha256>
//	<received_at as YYYY-MM-DDThh:mm:ss.sssZ, UTC>
//
// A receipt verifies when, with SHA-256 and Ed25519 (RFC 8032):
//
//  1. hash = SHA-256(0x00 ‖ canonical form)
//  2. for each entry of path, in order: h = the 32 bytes after the prefix;
//     "l:" → hash = SHA-256(0x01 ‖ h ‖ hash), "r:" → hash = SHA-256(0x01 ‖ hash ‖ h)
//  3. the key kid verifies signature over the text
//     "zida-block-v1\n" + sequence + "\n" + base64(hash) + "\n"
//
// That is the Merkle tree of RFC 6962 §2.1 over the receipts of one journal block.
// All base64 is that of RFC 4648 §4, with padding.
func (r *Receipt) AppendCanonical(dst []byte) []byte {
	dst = append(dst, "zida-receipt-v1\n"...)
	for _, text := range [...]string{r.Submission, r.Dataset, r.Agency} {
		dst = append(dst, text...)
		dst = append(dst, '\n')
	}
	for _, n := range [...]int{r.Received, r.Accepted, r.Rejected, r.Superseded} {
		dst = strconv.AppendInt(dst, int64(n), 10)
		dst = append(dst, '\n')
	}
	dst = strconv.AppendUint(dst, r.Sequence, 10)
	dst = append(dst, '\n')
	dst = append(dst, r.SHA256...)
	dst = append(dst, '\n')
	dst = r.ReceivedAt.UTC().AppendFormat(dst, receiptTime)
	return append(dst, '\n')
}

// Leaf is the receipt's leaf in its block's tree: SHA-256(0x00 ‖ canonical form).
func (r *Receipt) Leaf() [32]byte {
	var room [512]byte
	return sha256.Sum256(r.AppendCanonical(append(room[:0], 0x00)))
}

// HashNode is an inner node of a block's tree: SHA-256(0x01 ‖ l ‖ r).
func HashNode(l, r [32]byte) [32]byte {
	var node [65]byte
	node[0] = 0x01
	copy(node[1:], l[:])
	copy(node[33:], r[:])
	return sha256.Sum256(node[:])
}

// SignedBlock is the text that a block's Ed25519 signature covers.
func SignedBlock(sequence uint64, root [32]byte) []byte {
	return []byte("zida-block-v1\n" + strconv.FormatUint(sequence, 10) + "\n" +
		base64.StdEncoding.EncodeToString(root[:]) + "\n")
}

// EncodeSignature gives a signature the form that a receipt carries.
func EncodeSignature(signature []byte) string {
	return base64.StdEncoding.EncodeToString(signature)
}

// Why a receipt does not verify.
var (
	ErrReceiptMalformed = errors.New("the receipt is malformed")
	ErrReceiptKey       = errors.New("the receipt names a key that is not in the key set; fetch the hub's receipt keys anew")
	ErrReceiptSignature = errors.New("the signature does not cover this receipt: it was altered, or it is not this hub's")
)

// VerifyReceipt checks a receipt offline against the hub's public keys.
func VerifyReceipt(r *Receipt, keys KeySet) error {
	if err := r.wellFormed(); err != nil {
		return err
	}
	key, ok := keys[r.KID]
	if !ok {
		return fmt.Errorf("%w (kid %q)", ErrReceiptKey, r.KID)
	}
	root, err := r.root()
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(r.Signature)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return fmt.Errorf("%w: signature must be %d bytes in base64", ErrReceiptMalformed, ed25519.SignatureSize)
	}
	if !ed25519.Verify(key, SignedBlock(r.Sequence, root), signature) {
		return ErrReceiptSignature
	}
	return nil
}

// wellFormed refuses what the canonical form could not carry without ambiguity.
func (r *Receipt) wellFormed() error {
	for _, f := range [...]struct{ name, value string }{
		{"submission", r.Submission}, {"dataset", r.Dataset}, {"agency", r.Agency}, {"kid", r.KID},
	} {
		if f.value == "" || strings.ContainsFunc(f.value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return fmt.Errorf("%w: %s is empty or holds a control character", ErrReceiptMalformed, f.name)
		}
	}
	if len(r.SHA256) != 64 || strings.Trim(r.SHA256, "0123456789abcdef") != "" {
		return fmt.Errorf("%w: sha256 must be 64 lower-case hexadecimal digits", ErrReceiptMalformed)
	}
	if r.ReceivedAt.Nanosecond()%int(time.Millisecond) != 0 {
		return fmt.Errorf("%w: received_at is finer than a millisecond", ErrReceiptMalformed)
	}
	if len(r.Path) > maxReceiptPath {
		return fmt.Errorf("%w: path has %d entries", ErrReceiptMalformed, len(r.Path))
	}
	return nil
}

// root walks the path from the receipt's leaf to its block's root.
func (r *Receipt) root() ([32]byte, error) {
	hash := r.Leaf()
	for i, entry := range r.Path {
		side, text, ok := strings.Cut(entry, ":")
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if !ok || err != nil || len(raw) != len(hash) || (side != "l" && side != "r") {
			return hash, fmt.Errorf(`%w: path[%d] must be "l:" or "r:" and 32 bytes in base64`, ErrReceiptMalformed, i)
		}
		if sibling := [32]byte(raw); side == "l" {
			hash = HashNode(sibling, hash)
		} else {
			hash = HashNode(hash, sibling)
		}
	}
	return hash, nil
}
