package schemas

import (
	"errors"
	"strings"
	"testing"
)

func TestAReceiptHasItsMembersOnceAndNoOthers(t *testing.T) {
	const good = `{"submission":"1-0","dataset":"d","agency":"a","received":1,"accepted":1,"rejected":0,"superseded":0,"sequence":1,` +
		`"sha256":"x","received_at":"2026-01-01T00:00:00.000Z","kid":"k","signature":"s","path":[],"errors":[]}`
	if _, err := ParseReceipt([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"a member twice":    strings.Replace(good, "{", `{"accepted":999,`, 1),
		"another case":      strings.Replace(good, "{", `{"Accepted":999,`, 1),
		"an unknown member": strings.Replace(good, "{", `{"note":"forged",`, 1),
		"a member missing":  strings.Replace(good, `"rejected":0,`, "", 1),
		"more after it":     good + "{}",
		"cut short":         good[:len(good)-1],
		"no object":         "[]",
	} {
		if _, err := ParseReceipt([]byte(bad)); !errors.Is(err, ErrReceiptMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
