package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// SecretPrefix begins every secret, so that one that leaked into a log or a
// repository can be found by scanners.
const SecretPrefix = "zs_" //nolint:gosec // a prefix, not a credential

// MaxOverlap bounds how long a secret lives on after its successor was made.
const MaxOverlap = 30 * 24 * time.Hour

// Secret is the record of a client secret: 256 random bits, of which only the
// SHA-256 is kept. A slow password hash would add nothing to that much entropy.
type Secret struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // set once a successor exists
	hash      [sha256.Size]byte
}

func newSecret(at time.Time) (Secret, string) {
	var b [32]byte
	_, _ = rand.Read(b[:])
	text := SecretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	return Secret{ID: "s-" + randomName(), CreatedAt: at, hash: sha256.Sum256([]byte(text))}, text
}

// nobody stands in for a client that does not exist, so that asking for one
// takes as long as a wrong secret does.
var nobody = Client{Secrets: make([]Secret, maxSecrets)}

// CheckSecret reports whether the text is a live secret of the client; nil
// stands for a client that is not known. Its time depends on neither.
func CheckSecret(c *Client, text string, now time.Time) bool {
	if c == nil {
		c = &nobody
	}
	sum := sha256.Sum256([]byte(text))
	found := 0
	for i := range c.Secrets {
		s := &c.Secrets[i]
		same := subtle.ConstantTimeCompare(sum[:], s.hash[:])
		if s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) {
			found |= same
		}
	}
	return found == 1 && c != &nobody
}

// RotateSecret makes a new secret; the present one works on for overlap, so that
// every machine of the agency can be given the new one first. 0 ends it now.
func (r *Registry) RotateSecret(ctx context.Context, by Actor, id string, overlap time.Duration) (*Client, Credentials, error) {
	if overlap < 0 || overlap > MaxOverlap {
		var f faults
		f.add("overlap", "range", overlap.String(), "重叠期须在 0 到 30 天之间。", "the overlap is between 0 and 30 days")
		return nil, Credentials{}, f.err()
	}
	cred := Credentials{ClientID: id}
	c, err := r.changeClient(ctx, by, id, "client.rotate_secret", 0, func(c *Client, _ *Agency) error {
		if err := r.mayGrant(by, c); err != nil {
			return err
		}
		now := r.now().UTC()
		var next Secret
		next, cred.ClientSecret = newSecret(now)
		// Only the newest lives on: with older ones in the overlap of their own
		// rotation there would be three.
		var kept []Secret
		if n := len(c.Secrets); n > 0 && overlap > 0 {
			last := c.Secrets[n-1]
			if end := now.Add(overlap); last.ExpiresAt.IsZero() || last.ExpiresAt.After(end) {
				last.ExpiresAt = end
			}
			kept = append(kept, last)
		}
		kept = append(kept, next)
		c.Secrets = kept
		return nil
	})
	if err != nil {
		return nil, Credentials{}, err
	}
	return c, cred, nil
}

// RemoveSecret ends one secret of a client at once. The last way in cannot be
// removed; disable the client instead.
func (r *Registry) RemoveSecret(ctx context.Context, by Actor, id, secret string) (*Client, error) {
	return r.changeClient(ctx, by, id, "client.remove_secret", 0, func(c *Client, _ *Agency) error {
		i := slices.IndexFunc(c.Secrets, func(s Secret) bool { return s.ID == secret })
		if i < 0 {
			return notFound("secret", "密钥", secret)
		}
		c.Secrets = slices.Delete(c.Secrets, i, i+1)
		return c.wayIn()
	})
}

// AddKey registers a public key (JWK or PEM; Ed25519 or P-256) for
// private_key_jwt log-ins.
func (r *Registry) AddKey(ctx context.Context, by Actor, id string, data []byte) (*Client, error) {
	key, err := ParsePublicKey(data)
	if err != nil {
		var f faults
		f.key("public_key", err)
		return nil, f.err()
	}
	return r.changeClient(ctx, by, id, "client.add_key", 0, func(c *Client, _ *Agency) error {
		if err := r.mayGrant(by, c); err != nil {
			return err
		}
		var f faults
		if slices.Contains(keyIDs(c.Keys), key.KID) {
			f.add("kid", "duplicate", key.KID, "该客户端已有此 kid；请换一个或先删除旧公钥。", "the client has a key of this kid: choose another, or remove the old key first")
		}
		if len(c.Keys) >= maxKeys {
			f.add("public_key", "too_many", "", "每个客户端最多 %d 个公钥；请先删除一个。", "a client has at most %d keys: remove one first", maxKeys)
		}
		key.AddedAt = r.now().UTC()
		c.Keys = append(c.Keys, key)
		return f.err()
	})
}

// RemoveKey forgets a public key; assertions signed with it no longer count.
func (r *Registry) RemoveKey(ctx context.Context, by Actor, id, kid string) (*Client, error) {
	return r.changeClient(ctx, by, id, "client.remove_key", 0, func(c *Client, _ *Agency) error {
		i := slices.Index(keyIDs(c.Keys), kid)
		if i < 0 {
			return notFound("public key", "公钥", kid)
		}
		c.Keys = slices.Delete(c.Keys, i, i+1)
		return c.wayIn()
	})
}

func (c *Client) wayIn() error {
	if len(c.Secrets)+len(c.Keys) > 0 {
		return nil
	}
	return forbidden("这是该客户端最后一个凭据；如需停止使用，请停用客户端。", "this is the client's last credential: disable the client instead")
}

func secretIDs(in []Secret) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = in[i].ID
	}
	return out
}

func keyIDs(in []PublicKey) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = in[i].KID
	}
	return out
}

func (f *faults) key(field string, err error) {
	f.add(field, "pattern", "", "公钥无法使用：%[1]v。请提供 Ed25519 或 P-256 公钥（JWK 或 PEM）。", "the key cannot be used: %[1]v; give an Ed25519 or P-256 public key as JWK or PEM", fmt.Sprint(err))
}
