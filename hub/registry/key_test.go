package registry

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
)

func TestThumbprintNamesAKey(t *testing.T) {
	// RFC 8037 appendix A.2 and A.3.
	k, err := ParsePublicKey([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil || k.KID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" || k.Alg != AlgEdDSA {
		t.Errorf("%+v, %v", k, err)
	}
	// RFC 7517 appendix A.1, its EC key.
	k, err = ParsePublicKey([]byte(`{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}`))
	if err != nil || k.KID != "1" || k.Alg != AlgES256 || k.Use != "" {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestKeysComeAsPEMToo(t *testing.T) {
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for _, pub := range []any{ed, &ec.PublicKey} {
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePublicKey(data)
		if err != nil || again.KID != k.KID || again.Alg != k.Alg {
			t.Errorf("as JWK: %+v, %v", again, err)
		}
	}
}

func TestUnusableKeysAreRefused(t *testing.T) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	der, _ := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	der384, _ := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	private, _ := x509.MarshalPKCS8PrivateKey(ed)
	f := func(why, data string) {
		t.Helper()
		if k, err := ParsePublicKey([]byte(data)); err == nil {
			t.Errorf("%s is taken as %+v", why, k)
		}
	}
	const x = `"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	f("nothing", "")
	f("null", "null")
	f("text", "ssh-ed25519 AAAA")
	f("a symmetric key", `{"kty":"oct","k":"AAAA"}`)
	f("a private JWK", `{"kty":"OKP","crv":"Ed25519",`+x+`,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`)
	f("a private PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	f("RSA", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	f("P-384", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der384})))
	f("broken PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
	f("half a PEM", "-----BEGIN PUBLIC")
	f("another curve", `{"kty":"OKP","crv":"X25519",`+x+`}`)
	f("a short key", `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`)
	f("padding", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="}`)
	f("the other algorithm", `{"kty":"OKP","crv":"Ed25519","alg":"ES256",`+x+`}`)
	f("HS256", `{"kty":"OKP","crv":"Ed25519","alg":"HS256",`+x+`}`)
	f("a kid with a path", `{"kty":"OKP","crv":"Ed25519","kid":"../../x",`+x+`}`)
	f("a point off the curve", `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`)
	f("very long", `{"kty":"`+strings.Repeat("x", 20000)+`"}`)
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParsePublicKey(data)
		if err != nil {
			return
		}
		if k.Public() == nil || k.KID == "" || (k.Alg != AlgEdDSA && k.Alg != AlgES256) {
			t.Fatalf("%q is taken as %+v", data, k)
		}
		again, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		if twin, err := ParsePublicKey(again); err != nil || twin.KID != k.KID {
			t.Fatalf("%s does not come back: %v", again, err)
		}
	})
}
