package auth

import (
	"encoding/json"

	"github.com/zida-hub/zida/hub/registry"
)

// Paths of the endpoints below the issuer.
const (
	TokenPath    = "/oauth2/token" //nolint:gosec // a path, not a credential
	RevokePath   = "/oauth2/revoke"
	JWKSPath     = "/.well-known/jwks.json"
	MetadataPath = "/.well-known/oauth-authorization-server"
)

func (a *Authority) tokenEndpoint() string { return a.o.Issuer + TokenPath }

// JWKS is the set of keys that tokens may be signed with now or soon (RFC 7517).
func (a *Authority) JWKS() []byte {
	now := a.now()
	var set jwks
	for _, k := range a.tokenKeys.Load().keys {
		if k.live(now) {
			set.Keys = append(set.Keys, k.jwk)
		}
	}
	return encode(set)
}

// ReceiptKeys is the set of every key a receipt was ever signed with: a receipt
// can be verified for as long as anybody keeps it.
func (a *Authority) ReceiptKeys() []byte {
	var set jwks
	for _, k := range a.receiptKeys.Load().keys {
		set.Keys = append(set.Keys, k.jwk)
	}
	return encode(set)
}

type jwks struct {
	Keys []registry.PublicKey `json:"keys"`
}

// Metadata describes the token service, RFC 8414.
func (a *Authority) Metadata() []byte {
	methods := []string{"client_secret_basic", "private_key_jwt"}
	algs := []string{registry.AlgEdDSA, registry.AlgES256}
	return encode(map[string]any{
		"issuer":                                a.o.Issuer,
		"token_endpoint":                        a.tokenEndpoint(),
		"revocation_endpoint":                   a.o.Issuer + RevokePath,
		"jwks_uri":                              a.o.Issuer + JWKSPath,
		"service_documentation":                 a.o.Issuer + "/docs",
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{}, // no authorization endpoint
		"scopes_supported":                      registry.AllScopes,
		"token_endpoint_auth_methods_supported": methods,
		"token_endpoint_auth_signing_alg_values_supported":      algs,
		"revocation_endpoint_auth_methods_supported":            methods,
		"revocation_endpoint_auth_signing_alg_values_supported": algs,
	})
}

// encode is for values made of strings, which always encode.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("auth: " + err.Error())
	}
	return data
}
