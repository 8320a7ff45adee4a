package registry

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Argon2id as OWASP recommends it where memory is dear: 19 MiB, two passes, one
// lane. The parameters stand in each hash, so that they can be raised later.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	hashSalt   = 16 // bytes
	hashKey    = 32 // bytes

	// hashesAtOnce bounds the memory that log-ins can take, however many come; one
	// takes some tens of milliseconds.
	hashesAtOnce = 2
	hashPatience = 5 * time.Second

	minPassword = 12 // characters
	maxPassword = 128
)

// ErrBusy says that as many passwords are being checked as the hub allows.
var ErrBusy = errors.New("registry: too many passwords are being checked at once")

// passwordHash is a salted hash with the parameters it was made with.
type passwordHash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// unknown stands in for a user who does not exist, so that asking for one takes as
// long as a wrong password does.
var unknown = passwordHash{hashMemory, hashPasses, hashLanes, make([]byte, hashSalt), make([]byte, hashKey)}

const hashForm = "$argon2id$v=19$m=%d,t=%d,p=%d$"

// String is the hash in the usual form, $argon2id$v=19$m=…,t=…,p=…$salt$key.
func (h *passwordHash) String() string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf(hashForm, h.memory, h.passes, h.lanes) + enc.EncodeToString(h.salt) + "$" + enc.EncodeToString(h.key)
}

func parseHash(text string) (passwordHash, error) {
	var h passwordHash
	damaged := errors.New("the hash of the password is damaged")
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return h, damaged
	}
	if _, err := fmt.Sscanf(text, hashForm, &h.memory, &h.passes, &h.lanes); err != nil {
		return h, damaged
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) != hashSalt || len(h.key) != hashKey || h.passes == 0 || h.lanes == 0 || h.String() != text {
		return h, damaged
	}
	return h, nil
}

// derive computes the key of a text; its memory is bounded by the slots.
func (r *Registry) derive(ctx context.Context, text string, h *passwordHash) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	select {
	case r.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ErrBusy
	}
	defer func() { <-r.hashing }()
	return argon2.IDKey([]byte(text), h.salt, h.passes, h.memory, h.lanes, hashKey), nil
}

// newHash hashes a password under a fresh salt.
func (r *Registry) newHash(ctx context.Context, password string) (passwordHash, error) {
	h := passwordHash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, hashSalt), key: make([]byte, hashKey)}
	_, _ = rand.Read(h.salt) // never fails since Go 1.24
	var err error
	h.key, err = r.derive(ctx, password, &h)
	return h, err
}

// CheckPassword reports whether the text is the user's password; nil stands for a
// user who is not known. Its time depends on neither. The error is ErrBusy.
func (r *Registry) CheckPassword(ctx context.Context, u *User, text string) (bool, error) {
	h := &unknown
	if u != nil {
		h = &u.password
	}
	key, err := r.derive(ctx, text, h)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && u != nil, nil
}

// newPassword is 100 random bits in letters and digits that are read aloud without
// doubt: no l and o beside 1 and 0, which are not there either.
func newPassword() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789"
	var b [20]byte
	_, _ = rand.Read(b[:])
	out := make([]byte, 0, len(b)+3)
	for i, x := range b {
		if i > 0 && i%5 == 0 {
			out = append(out, '-')
		}
		out = append(out, letters[x%byte(len(letters))])
	}
	return string(out)
}

// password checks a password that a person has chosen; the fault never shows it.
func (f *faults) password(field, password, id string) {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		f.add(field, "pattern", "", "密码须为 UTF-8 文本，不含控制字符。", "a password is UTF-8 text without control characters")
	case n < minPassword || n > maxPassword:
		f.add(field, "length", "", "密码须为 %d–%d 个字符；可以用几个词连成一句。", "a password has %d to %d characters: a few words in a row will do", minPassword, maxPassword)
	case strings.EqualFold(password, id):
		f.add(field, "pattern", "", "密码不能与用户编号相同。", "the password cannot be the user's id")
	}
}
