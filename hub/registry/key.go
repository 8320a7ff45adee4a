package registry

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The two signature algorithms of the hub. A key has one of them, for good.
const (
	AlgEdDSA = "EdDSA"
	AlgES256 = "ES256"
)

// PublicKey is a JWK (RFC 7517, RFC 8037) with the one algorithm it may be used with.
type PublicKey struct {
	KID     string    `json:"kid"`
	Alg     string    `json:"alg"`
	Kty     string    `json:"kty"`
	Crv     string    `json:"crv"`
	X       string    `json:"x"`
	Y       string    `json:"y,omitempty"`
	Use     string    `json:"use,omitempty"`
	AddedAt time.Time `json:"added_at,omitzero"`

	public crypto.PublicKey // ed25519.PublicKey or *ecdsa.PublicKey
}

// Public is the key itself: ed25519.PublicKey for EdDSA, *ecdsa.PublicKey for ES256.
func (k *PublicKey) Public() crypto.PublicKey { return k.public }

var kidPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// ParsePublicKey reads a JWK or a PEM block. A key without kid is named by its
// RFC 7638 thumbprint. A private key is refused and must be thought lost: it has
// been on the wire.
func ParsePublicKey(data []byte) (PublicKey, error) {
	const most = 16 << 10
	data = bytes.TrimSpace(data)
	if len(data) > most {
		return PublicKey{}, errors.New("it is larger than 16 KiB")
	}
	if bytes.HasPrefix(data, []byte("-----")) {
		return parsePEM(data)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return PublicKey{}, errors.New("it is neither a JWK nor PEM")
	}
	for _, private := range []string{"d", "k", "p", "q"} {
		if _, ok := members[private]; ok {
			return PublicKey{}, errors.New("it is a private key, which must never leave your machine: make a new pair and send its public half")
		}
	}
	var k PublicKey
	if err := json.Unmarshal(data, &k); err != nil {
		return PublicKey{}, errors.New("it is not a JWK")
	}
	k.AddedAt, k.Use = time.Time{}, ""
	if err := k.parse(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

func parsePEM(data []byte) (PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return PublicKey{}, errors.New("it is not PEM")
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return PublicKey{}, errors.New("it is a private key, which must never leave your machine: make a new pair and send its public half")
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, errors.New("it is not a PEM public key")
	}
	return NewPublicKey("", pub)
}

// NewPublicKey describes a key; kid "" names it by its thumbprint.
func NewPublicKey(kid string, pub crypto.PublicKey) (PublicKey, error) {
	k := PublicKey{KID: kid}
	b64 := base64.RawURLEncoding
	switch p := pub.(type) {
	case ed25519.PublicKey:
		k.Kty, k.Crv, k.Alg, k.X = "OKP", "Ed25519", AlgEdDSA, b64.EncodeToString(p)
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return PublicKey{}, errors.New("its curve is not P-256")
		}
		point, err := p.Bytes() // 0x04 ‖ X ‖ Y
		if err != nil {
			return PublicKey{}, errors.New("its point is not on P-256")
		}
		k.Kty, k.Crv, k.Alg = "EC", "P-256", AlgES256
		k.X, k.Y = b64.EncodeToString(point[1:33]), b64.EncodeToString(point[33:])
	default:
		return PublicKey{}, fmt.Errorf("a %T is neither Ed25519 nor P-256", pub)
	}
	return k, k.parse()
}

// parse fills in what follows from the rest and holds every field to it.
func (k *PublicKey) parse() error {
	x, errX := base64.RawURLEncoding.Strict().DecodeString(k.X)
	y, errY := base64.RawURLEncoding.Strict().DecodeString(k.Y)
	if errX != nil || errY != nil {
		return errors.New("x or y is not base64url")
	}
	alg := ""
	switch {
	case k.Kty == "OKP" && k.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize && len(y) == 0:
		alg, k.public = AlgEdDSA, ed25519.PublicKey(x)
	case k.Kty == "EC" && k.Crv == "P-256" && len(x) == 32 && len(y) == 32:
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return errors.New("its point is not on P-256")
		}
		alg, k.public = AlgES256, pub
	default:
		return errors.New("it is neither Ed25519 nor P-256")
	}
	if k.Alg == "" {
		k.Alg = alg
	}
	if k.Alg != alg {
		return fmt.Errorf("a %s key is used with %s, not with %s", k.Crv, alg, cut(k.Alg))
	}
	if k.KID == "" {
		k.KID = k.thumbprint()
	}
	if !kidPattern.MatchString(k.KID) {
		return errors.New("its kid has characters other than letters, digits, '_', '.', '-', or more than 128")
	}
	return nil
}

// thumbprint is RFC 7638: SHA-256 of the required members in lexical order.
func (k *PublicKey) thumbprint() string {
	text := fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q}`, k.Crv, k.Kty, k.X)
	if k.Kty == "EC" {
		text = fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Crv, k.Kty, k.X, k.Y)
	}
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
