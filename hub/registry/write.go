package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zida-hub/zida/hub/journal"
)

// catchUp bounds how long a writer that lost the race waits for the winner's
// change to reach its own view before it tries again.
const catchUp = 2 * time.Second

// create writes a key that must not exist.
func (r *Registry) create(ctx context.Context, act Act, rec record) error {
	rec.Act = act
	err := r.put(ctx, act.Object, rec, 0)
	if errors.Is(err, journal.ErrConflict) {
		return &Error{
			Kind: ErrExists,
			ZH:   fmt.Sprintf("%s 已存在；请换一个编号，或修改已有的。", act.Object),
			EN:   fmt.Sprintf("%s exists already: take another id, or change the one there is", act.Object),
		}
	}
	return err
}

// change rewrites a key: prepare reads the present value and gives the next one
// with the revision it was read at. When another writer was quicker, prepare
// runs once more on the newer value, unless the caller named the revision that
// its change was meant for.
func (r *Registry) change(ctx context.Context, key string, expect uint64, prepare func() (record, uint64, error)) error {
	for attempt := 0; ; attempt++ {
		rec, revision, err := prepare()
		if err != nil {
			return err
		}
		if expect != 0 && expect != revision {
			return conflict(key)
		}
		err = r.put(ctx, key, rec, revision)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
		if expect != 0 || attempt > 0 || !r.newer(ctx, key, revision) {
			return conflict(key)
		}
	}
}

func (r *Registry) put(ctx context.Context, key string, rec record, expect uint64) error {
	value, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	if _, err := r.state.Put(ctx, key, value, expect); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// newer waits until the view holds a later revision of the key than the one
// that was just found to be old.
func (r *Registry) newer(ctx context.Context, key string, than uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if r.revision(key) > than {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (r *Registry) revision(key string) uint64 {
	v := r.view.Load()
	if id, ok := strings.CutPrefix(key, agencyPrefix); ok {
		if a := v.agencies[id]; a != nil {
			return a.Revision
		}
	}
	if id, ok := strings.CutPrefix(key, clientPrefix); ok {
		if c := v.clients[id]; c != nil {
			return c.Revision
		}
	}
	if id, ok := strings.CutPrefix(key, userPrefix); ok {
		if u := v.users[id]; u != nil {
			return u.Revision
		}
	}
	return 0
}
