package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

// masterKey reads the key that seals private keys in the shared state, and makes
// it at the first start. Replicas get a copy of the file.
func masterKey(dir string) (key [32]byte, err error) {
	path := filepath.Join(dir, "master.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		_, _ = rand.Read(key[:])
		return key, writeSecret(path, hex.EncodeToString(key[:])+"\n")
	}
	if err != nil {
		return key, fmt.Errorf("master key: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("master key: %s must hold 64 hexadecimal digits; restore it from the backup", path)
	}
	copy(key[:], raw)
	return key, nil
}

// writeSecret writes a file that only its owner reads, whole or not at all.
func writeSecret(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeAdminFile keeps the operator's first credentials where the command line
// on the same machine finds them.
func writeAdminFile(dir, url string, c registry.Credentials) error {
	text, err := json.MarshalIndent(map[string]string{"url": url, "client_id": c.ClientID, "client_secret": c.ClientSecret}, "", "  ")
	if err != nil {
		return err
	}
	return writeSecret(filepath.Join(dir, "admin.json"), string(text)+"\n")
}

// fillLists submits the starter rows of the reference lists to a new hub, as the
// operator and through the path of every push. The Idempotency-Key keeps two
// replicas that start together from doing it twice.
func (h *Hub) fillLists(ctx context.Context) error {
	operator, ok := h.registry.Agency(registry.Operator)
	if !ok {
		return fmt.Errorf("hub: the operator's agency is missing")
	}
	who := &auth.Principal{ClientID: registry.AdminClient, Agency: registry.Operator, Regions: operator.Regions, Clearance: schemas.Core}
	for again := true; again; { // a list whose codes come from another waits for that one
		again = false
		for _, c := range h.catalog.contracts() {
			rows, ok := schemas.StarterRows(c.ID)
			if !ok || h.ledger.lists.Load().List(c.ID) != nil || !h.listsReady(c.ID) {
				continue
			}
			if err := h.fillList(ctx, who, h.catalog.get(c.ID), rows); err != nil {
				return err
			}
			again = true
		}
	}
	return nil
}

func (h *Hub) listsReady(dataset string) bool {
	for _, list := range h.catalog.uses(dataset) {
		if h.ledger.lists.Load().List(list) == nil {
			return false
		}
	}
	return true
}

func (h *Hub) fillList(_ context.Context, who *auth.Principal, d *dataset, rows []byte) error {
	p := &push{who: who, ds: d, format: schemas.FormatNDJSON, key: keyHash(who.ClientID, d.contract.ID, "starter rows")}
	k, err := h.check(p, rows)
	if err == nil {
		err = h.verdict(p, k)
	}
	if err != nil {
		for i := range k.errors {
			err = errors.Join(err, &k.errors[i])
		}
		return fmt.Errorf("starter rows of %s: %w", d.contract.ID, err)
	}
	w := &journal.Pending{
		Submission: journal.Submission{Bytes: uint64(len(rows)), SHA256: sha256.Sum256(rows)},
		Plan:       d.plan, Batches: k.batches, Lists: k.lists, Size: len(rows),
	}
	p.describe(&w.Submission, k)
	err = h.commit(w)
	k.release()
	var twin *twinError
	if errors.As(err, &twin) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("starter rows of %s: %w", d.contract.ID, err)
	}
	return nil
}
