// Package receipt signs what the hub took: one Ed25519 signature a block, over
// the Merkle root of the block's receipts. What it writes, schemas.VerifyReceipt
// checks without a hub.
package receipt

import (
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
	return strconv.FormatUint(sequence, 10) + "-" + strconv.Itoa(index)
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
