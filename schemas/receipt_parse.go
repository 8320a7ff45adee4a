package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// receiptMembers are the members of a receipt's JSON, all of them.
var receiptMembers = []string{"submission", "dataset", "agency", "received", "accepted", "rejected", "superseded", "sequence",
	"sha256", "received_at", "kid", "signature", "path", "errors"}

// ParseReceipt reads a receipt as the hub wrote it: each member once, spelt exactly,
// and nothing else. A receipt with more in it could say one thing to the one who
// verifies it and another to the one who reads it.
func ParseReceipt(data []byte) (*Receipt, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%w: not a JSON object", ErrReceiptMalformed)
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("%w: not JSON", ErrReceiptMalformed)
		}
		if seen[name] || !slices.Contains(receiptMembers, name) {
			return nil, fmt.Errorf("%w: member %q is there twice or does not belong to a receipt", ErrReceiptMalformed, name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: not JSON", ErrReceiptMalformed)
		}
	}
	for _, name := range receiptMembers {
		if !seen[name] && name != "errors" {
			return nil, fmt.Errorf("%w: member %q is missing", ErrReceiptMalformed, name)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: not JSON", ErrReceiptMalformed)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: there is more after it", ErrReceiptMalformed)
	}
	var r Receipt
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceiptMalformed, err)
	}
	return &r, nil
}
