package schemas

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// KeySet holds a hub's public receipt keys by key id.
type KeySet map[string]ed25519.PublicKey

// ParseKeySet reads the Ed25519 keys of a JSON Web Key Set (RFC 7517, RFC 8037).
// Keys of other kinds are left out, as RFC 7517 §5 asks; a set without a usable
// key, a private key, or one kid for two keys is an error.
func ParseKeySet(jwks []byte) (KeySet, error) {
	var set struct {
		Keys []struct {
			KTY, CRV, KID, X, D, Use, Alg string
		} `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	keys := make(KeySet, len(set.Keys))
	for i, k := range set.Keys {
		if k.D != "" {
			return nil, fmt.Errorf("keys[%d] is a private key; a key set for checking receipts holds public keys only", i)
		}
		if k.KTY != "OKP" || k.CRV != "Ed25519" || (k.Use != "" && k.Use != "sig") ||
			(k.Alg != "" && k.Alg != "EdDSA" && k.Alg != "Ed25519") {
			continue
		}
		x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize || k.KID == "" {
			return nil, fmt.Errorf("keys[%d] (kid %q): needs a kid and an x of %d bytes in base64url", i, k.KID, ed25519.PublicKeySize)
		}
		if _, twice := keys[k.KID]; twice {
			return nil, fmt.Errorf("keys[%d]: kid %q names two keys", i, k.KID)
		}
		keys[k.KID] = ed25519.PublicKey(x)
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set holds no Ed25519 key")
	}
	return keys, nil
}
