package schemas

import "encoding/base64"

// Tree is the Merkle tree (RFC 6962 §2.1) over the leaves of one block's receipts.
type Tree struct {
	// levels[0] holds the leaves, the last level the root alone. A node without a
	// sibling moves up as it is, which gives the very tree that RFC 6962 defines
	// by splitting at the largest power of two.
	levels [][][32]byte
}

// NewTree builds the tree; leaves must not be empty. It keeps the slice.
func NewTree(leaves [][32]byte) *Tree {
	t := &Tree{levels: [][][32]byte{leaves}}
	for level := leaves; len(level) > 1; {
		up := make([][32]byte, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			up = append(up, HashNode(level[i], level[i+1]))
		}
		if len(level)%2 == 1 {
			up = append(up, level[len(level)-1])
		}
		t.levels = append(t.levels, up)
		level = up
	}
	return t
}

// Root is the hash that the block's signature covers.
func (t *Tree) Root() [32]byte {
	return t.levels[len(t.levels)-1][0]
}

// AppendPath appends Path(i) as a JSON array.
func (t *Tree) AppendPath(dst []byte, i int) []byte {
	dst = append(dst, '[')
	for n, level := range t.levels[:len(t.levels)-1] {
		side, sibling := "r:", i+1
		if i%2 == 1 {
			side, sibling = "l:", i-1
		}
		if sibling < len(level) {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst = append(append(dst, '"'), side...)
			dst = append(base64.StdEncoding.AppendEncode(dst, t.levels[n][sibling][:]), '"')
		}
		i /= 2
	}
	return append(dst, ']')
}

// Path leads from leaf i to the root, in the form of Receipt.Path.
func (t *Tree) Path(i int) []string {
	path := make([]string, 0, len(t.levels))
	for _, level := range t.levels[:len(t.levels)-1] {
		side, sibling := "r:", i+1
		if i%2 == 1 {
			side, sibling = "l:", i-1
		}
		if sibling < len(level) {
			path = append(path, side+base64.StdEncoding.EncodeToString(level[sibling][:]))
		}
		i /= 2
	}
	return path
}
