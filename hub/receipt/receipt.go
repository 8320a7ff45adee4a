// Package receipt signs what the hub took: one Ed25519 signature a block, over
// the Merkle root of the block's receipts. What it writes, schemas.VerifyReceipt
// checks without a hub.
package receipt

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/schemas"
)

// ID is a submission's name: the sequence of its block and its place there, so
// that it can be found without an index.
func ID(sequence uint64, index int) string {
	return string(AppendID(make([]byte, 0, 24), sequence, index))
}

// AppendID is ID for a buffer.
func AppendID(dst []byte, sequence uint64, index int) []byte {
	return strconv.AppendInt(append(strconv.AppendUint(dst, sequence, 10), '-'), int64(index), 10)
}

// ParseID reads a submission's name.
func ParseID(id string) (sequence uint64, index int, err error) {
	a, b, ok := strings.Cut(id, "-")
	if ok {
		sequence, err = strconv.ParseUint(a, 10, 40)
		if err == nil {
			var n uint64
			n, err = strconv.ParseUint(b, 10, 24)
			index = int(n)
		}
	}
	if !ok || err != nil || sequence == 0 || ID(sequence, index) != id {
		return 0, 0, fmt.Errorf("receipt: %q is not a submission's name", id)
	}
	return sequence, index, nil
}

// of is the receipt of submission i without its signature and path.
func of(b *journal.Block, i int) schemas.Receipt {
	s := &b.Submissions[i]
	return schemas.Receipt{
		Submission: ID(b.Sequence, i),
		Dataset:    s.Dataset,
		Agency:     s.Agency,
		Received:   int(s.Received),
		Accepted:   int(s.Accepted),
		Rejected:   int(s.Rejected),
		Superseded: int(s.Superseded),
		Sequence:   b.Sequence,
		SHA256:     hex.EncodeToString(s.SHA256[:]),
		ReceivedAt: b.ReceivedAt,
		KID:        b.KID,
	}
}

func tree(b *journal.Block) *schemas.Tree {
	leaves := make([][32]byte, len(b.Submissions))
	for i := range leaves {
		r := of(b, i)
		leaves[i] = r.Leaf()
	}
	return schemas.NewTree(leaves)
}

// AppendJSON appends what encoding/json makes of For(b, i), which costs the push
// path a tenth of its time: all texts in a receipt are the hub's own (ids, hex,
// base64) and need no escapes. errors is the JSON of Receipt.Errors.
func AppendJSON(dst []byte, b *journal.Block, i int, errors []byte) []byte {
	t := b.Tree
	if t == nil {
		t = tree(b)
	}
	s := &b.Submissions[i]
	dst = append(dst, `{"submission":"`...)
	dst = AppendID(dst, b.Sequence, i)
	dst = append(append(dst, `","dataset":"`...), s.Dataset...)
	dst = append(append(dst, `","agency":"`...), s.Agency...)
	dst = strconv.AppendUint(append(dst, `","received":`...), uint64(s.Received), 10)
	dst = strconv.AppendUint(append(dst, `,"accepted":`...), uint64(s.Accepted), 10)
	dst = strconv.AppendUint(append(dst, `,"rejected":`...), uint64(s.Rejected), 10)
	dst = strconv.AppendUint(append(dst, `,"superseded":`...), uint64(s.Superseded), 10)
	dst = strconv.AppendUint(append(dst, `,"sequence":`...), b.Sequence, 10)
	dst = hex.AppendEncode(append(dst, `,"sha256":"`...), s.SHA256[:])
	dst = b.ReceivedAt.AppendFormat(append(dst, `","received_at":"`...), "2006-01-02T15:04:05.000Z07:00")
	dst = append(append(dst, `","kid":"`...), b.KID...)
	dst = base64.StdEncoding.AppendEncode(append(dst, `","signature":"`...), b.Signature)
	dst = t.AppendPath(append(dst, `","path":`...), i)
	return append(append(append(dst, `,"errors":`...), errors...), '}')
}

// Seal signs a block's receipts; sign returns the key's id and the signature.
func Seal(b *journal.Block, sign func(message []byte) (kid string, signature []byte)) {
	b.Tree = tree(b)
	b.KID, b.Signature = sign(schemas.SignedBlock(b.Sequence, b.Tree.Root()))
}

// For returns the signed receipt of submission i, from the block alone. It is
// the same whenever it is asked for.
func For(b *journal.Block, i int) schemas.Receipt {
	t := b.Tree
	if t == nil { // read back from the journal; not kept, since others may read the block too
		t = tree(b)
	}
	r := of(b, i)
	r.Signature = schemas.EncodeSignature(b.Signature)
	r.Path = t.Path(i)
	return r
}
