package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/schemas"
)

const receiptKeysPath = "/.well-known/zida-receipt-keys.json"

func newReceipt(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "receipt", Short: "Verify receipts, fetch the hub's public keys"}
	var keys string
	verify := &cobra.Command{
		Use:   "verify FILE…",
		Short: "Prove offline that a hub signed a receipt",
		Long: `Prove offline that a hub signed a receipt, and nobody altered it.

The hub's public keys come from --keys FILE, else from the copy that zida receipt keys keeps; when there
is none they are fetched from the hub once and kept. Exit code 1: a receipt does not hold.`,
		Example: "  zida receipt verify receipt.json --keys zida-receipt-keys.json\n  zida receipt verify receipts/*.json",
		Args:    argsAtLeast(1, "at least one receipt"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := s.receiptKeys(cmd.Context(), keys)
			if err != nil {
				return err
			}
			if keys == "" && s.missKey(args, set) { // a newer key, or another hub's copy: ask once
				if raw, err := s.fetchKeys(cmd.Context()); err == nil {
					if newer, err := schemas.ParseKeySet(raw); err == nil {
						set = newer
					}
				}
			}
			return s.verifyReceipts(args, set)
		},
	}
	verify.Flags().StringVar(&keys, "keys", "", "file with the hub's public receipt keys (JWKS)")
	fetch := &cobra.Command{
		Use:     "keys",
		Short:   "Fetch the hub's public receipt keys, print them and keep them for verify",
		Example: "  zida receipt keys > zida-receipt-keys.json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			raw, err := s.fetchKeys(cmd.Context())
			if err != nil {
				return err
			}
			_, err = s.out.Write(raw)
			return err
		},
	}
	get := &cobra.Command{
		Use:     "get SUBMISSION",
		Short:   "Fetch a submission's receipt again",
		Example: "  zida receipt get 42-7 > receipt.json",
		Args:    argsAtLeast(1, "a submission, such as 42-7"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			r, err := client.Proof(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s\n", r.Raw)
			return err
		},
	}
	cmd.AddCommand(verify, fetch, get)
	return cmd
}

// keysCache is where the keys of one hub are kept. Every receipt key a hub ever
// used is in its list, so a copy never spoils; a newer receipt asks for a new one.
func (s *session) keysCache() (string, error) {
	if s.data != "" {
		return filepath.Join(s.data, "cli", "receipt-keys.json"), nil
	}
	dir, err := configDir()
	if err != nil {
		return "", err
	}
	name := "default"
	if s.profile != "" {
		name = s.profile
	}
	return filepath.Join(dir, "receipt-keys", name+".json"), nil
}

func (s *session) receiptKeys(ctx context.Context, file string) (schemas.KeySet, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, usage("the keys cannot be read: %v", err)
		}
		return parseKeys(file, data)
	}
	cache, err := s.keysCache()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(cache)
	if errors.Is(err, os.ErrNotExist) {
		if data, err = s.fetchKeys(ctx); err != nil {
			return nil, fmt.Errorf("no public keys are at hand: %w\ngive them with --keys FILE (from %s of the hub)", err, receiptKeysPath)
		}
	}
	if err != nil {
		return nil, err
	}
	return parseKeys(cache, data)
}

func parseKeys(from string, data []byte) (schemas.KeySet, error) {
	set, err := schemas.ParseKeySet(data)
	if err != nil {
		return nil, usage("%s holds no receipt keys: %v\nfetch them: zida receipt keys > %s", from, err, from)
	}
	return set, nil
}

// missKey tells whether a receipt was signed with a key that the set lacks.
func (s *session) missKey(files []string, keys schemas.KeySet) bool {
	for _, file := range files {
		if r, err := s.readReceipt(file); err == nil && keys[r.KID] == nil {
			return true
		}
	}
	return false
}

// fetchKeys asks the hub, without a token, and keeps the answer.
func (s *session) fetchKeys(ctx context.Context) ([]byte, error) {
	c, err := s.credentials()
	if err != nil {
		return nil, err
	}
	client, err := connectors.New(connectors.Config{URL: c.URL, UserAgent: "zida/" + Version()})
	if err != nil {
		return nil, usage("%v (found in %s)", err, c.from)
	}
	defer client.Close()
	status, data, err := client.Public(ctx, receiptKeysPath)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s%s answered %d: is it a zida hub?", c.URL, receiptKeysPath, status)
	}
	cache, err := s.keysCache()
	if err == nil {
		err = writeFile(cache, data)
	}
	if err != nil {
		s.say("the keys could not be kept: %v", err)
	}
	return data, nil
}

// verifyReceipts prints a line a receipt; all are looked at.
func (s *session) verifyReceipts(files []string, keys schemas.KeySet) error {
	bad := false
	enc := json.NewEncoder(s.out)
	for _, file := range files {
		r, err := s.readReceipt(file)
		if err == nil {
			err = schemas.VerifyReceipt(r, keys)
		}
		if s.json {
			line := map[string]any{"file": file, "valid": err == nil}
			if err != nil {
				line["error"] = err.Error()
			} else {
				line["submission"], line["sha256"] = r.Submission, r.SHA256
			}
			if eerr := enc.Encode(line); eerr != nil {
				return eerr
			}
		} else if err == nil {
			if _, perr := fmt.Fprintf(s.out, "%s: valid: %s of %s, %d accepted in %s, received %s\n",
				file, r.Submission, r.Agency, r.Accepted, r.Dataset, r.ReceivedAt.Format("2006-01-02 15:04:05 -07:00")); perr != nil {
				return perr
			}
		}
		if err != nil {
			bad = true
			if !s.json {
				if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
					s.say("%s: cannot be read, so nothing is said about it: %v", file, err)
				} else {
					s.say("%s: NOT valid: %v", file, err)
				}
			}
		}
	}
	if bad {
		return said(exitRefused)
	}
	return nil
}

func (s *session) readReceipt(file string) (*schemas.Receipt, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(s.in)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	return schemas.ParseReceipt(data)
}
