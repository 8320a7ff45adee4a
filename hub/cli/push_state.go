package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/zida-hub/zida/connectors"
)

// pushState remembers the receipts of what was pushed, one file an
// Idempotency-Key, so that an interrupted command resumes where it stopped.
type pushState struct {
	dir string // empty: nothing can be remembered
	who string // hub and client: the same file pushed elsewhere is another submission
}

func (s *session) pushState(c *credentials) *pushState {
	st := &pushState{who: c.URL + "\n" + c.ClientID}
	dir, err := configDir()
	if s.data != "" {
		dir, err = filepath.Join(s.data, "cli"), nil
	}
	if err != nil {
		s.say("receipts are not kept: %v", err)
		return st
	}
	st.dir = filepath.Join(dir, "receipts")
	return st
}

// key is the Idempotency-Key of a file's content. It does not depend on the
// file's name, so a renamed copy is the same submission.
func (st *pushState) key(dataset, mode, digest string, again bool) string {
	if again {
		return "zida-" + rand.Text()
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{st.who, dataset, mode, digest}, "\n")))
	return "zida-" + hex.EncodeToString(sum[:20])
}

func (st *pushState) path(key string) string { return filepath.Join(st.dir, key+".json") }

// accepted answers the receipt that a key already earned, provided that this hub
// still knows it: one whose data directory was emptied does not.
func (st *pushState) accepted(ctx context.Context, client *connectors.Client, key string) *connectors.Receipt {
	if st.dir == "" {
		return nil
	}
	raw, err := os.ReadFile(st.path(key))
	if err != nil {
		return nil
	}
	kept := &connectors.Receipt{Raw: raw}
	if json.Unmarshal(raw, kept) != nil || kept.Submission == "" {
		return nil
	}
	proof, err := client.Proof(ctx, kept.Submission)
	if err != nil || proof.SHA256 != kept.SHA256 || proof.Signature != kept.Signature {
		return nil
	}
	return kept
}

func (st *pushState) save(key string, r *connectors.Receipt) (string, error) {
	if st.dir == "" {
		return "", os.ErrNotExist
	}
	// A key chosen by hand may hold characters that no file name can.
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		sum := sha256.Sum256([]byte(key))
		key = "key-" + hex.EncodeToString(sum[:20])
	}
	return st.path(key), writeFile(st.path(key), append(r.Raw, '\n'))
}
