package analytics

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// sizes are about how many rows each dataset's table has, looked up now and then.
type sizes struct {
	rows    atomic.Pointer[map[string]uint64]
	looking sync.Mutex // one looks, others take what was known before
	at      time.Time
}

const sizesFor = time.Minute

// sizesNow are the sizes by dataset. One that cannot be told, as behind a Distributed
// table, is not among them.
func (a *Analytics) sizesNow(ctx context.Context) map[string]uint64 {
	z := &a.sizes
	if z.looking.TryLock() {
		if time.Since(z.at) > sizesFor {
			if rows, err := a.lookUpSizes(ctx); err == nil { // it is only about how fast answers are
				z.rows.Store(&rows)
				z.at = time.Now()
			}
		}
		z.looking.Unlock()
	}
	if rows := z.rows.Load(); rows != nil {
		return *rows
	}
	return nil
}

func (a *Analytics) lookUpSizes(ctx context.Context) (map[string]uint64, error) {
	rows, err := a.store.Conn().Query(undated(ctx), "SELECT name, assumeNotNull(total_rows) FROM system.tables WHERE database = ? AND engine LIKE '%MergeTree' AND isNotNull(total_rows)", a.tables.database)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]uint64{}
	for rows.Next() {
		var name string
		var n uint64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		found[name] = n
	}
	return found, rows.Err()
}
