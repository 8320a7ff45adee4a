package hub

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/zida-hub/zida/analytics"
	"github.com/zida-hub/zida/hub/journal"
)

// getQuality answers GET /v1/quality.
func (h *Hub) getQuality(c *gin.Context) {
	days, err := queryInt(c, "days", 30, 1, 3660)
	if err != nil {
		h.fail(c, err)
		return
	}
	now := time.Now()
	from := now.AddDate(0, 0, -int(days))
	list, err := h.analytics.Quality(c.Request.Context(), c.Query("dataset"), from, now, reader(c))
	if err != nil {
		h.failQuery(c, err)
		return
	}
	if list == nil {
		list = []analytics.Quality{}
	}
	writeJSON(c, http.StatusOK, map[string]any{"quality": list, "from": from.In(china).Format(time.RFC3339), "to": now.In(china).Format(time.RFC3339), "watermark": h.position().HistoryWatermark})
}

// classified is a field in the table of classifications (分类分级).
type classified struct {
	Dataset        string `json:"dataset"`
	DatasetName    string `json:"dataset_name"`
	Field          string `json:"field"`
	Label          string `json:"label"`
	LabelEN        string `json:"label_en"`
	Classification string `json:"classification"`
	Readable       bool   `json:"readable"` // by the caller
}

// getClassification answers GET /v1/classification: every field with its level.
func (h *Hub) getClassification(c *gin.Context) {
	who := callOf(c).Principal
	fields := []classified{}
	for _, contract := range h.catalog.contracts() {
		for i := range contract.Properties {
			p := &contract.Properties[i]
			fields = append(fields, classified{
				Dataset: contract.ID, DatasetName: contract.Name, Field: p.Name, Label: p.Label, LabelEN: p.LabelEN,
				Classification: classificationWords[p.Classification],
				Readable:       who.CanRead(contract.ID) && p.Classification <= who.Clearance,
			})
		}
	}
	writeJSON(c, http.StatusOK, map[string]any{"fields": fields})
}

func (h *Hub) qualityRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/v1/quality", name: "getQuality", group: "read", needs: needQuery, quota: queryQuota, handle: h.getQuality,
			zh: text{"数据质量", "按数据集与机构：时效（对照契约承诺）、完整率、提交内重复、拒收占比、新增与修订、迟报。只含本客户端可读的数据集。"},
			en: text{"Data quality", "By dataset and agency: freshness against the contract's promise, completeness, duplicates within submissions, rejected share, new and revised records, late ones. Only datasets that the client may read."},
			params: []param{
				{name: "dataset", in: "query", schema: text1, example: "park_monthly", zh: "只看此数据集", en: "of this dataset only"},
				{name: "days", in: "query", schema: schema{"type": "integer", "minimum": 1, "maximum": 3660}, example: 30, zh: "统计最近多少天收到的数据，默认 30", en: "over what was received in so many days, 30 by default"}},
			answers: ok("质量", "The quality", jsonOf(object("quality", map[string]schema{"quality": list(schema{"type": "object"})}),
				map[string]any{"from": "2026-04-01T00:00:00+08:00", "to": "2026-05-01T00:00:00+08:00", "watermark": 42, "quality": []any{map[string]any{
					"dataset": "park_monthly", "agency": "dazu-jxw", "newest": "2026-04-01T00:00:00+08:00", "age_hours": 720, "promised_hours": 480, "fresh": false,
					"records": 36, "completeness": 0.92, "fields": map[string]any{"revenue": 1, "energy_tce": 0.75}, "submissions": 2, "received": 10, "rejected": 1, "rejected_share": 0.1,
					"duplicates": 0, "duplicate_share": 0, "retractions": 0, "new": 8, "revised": 1, "late": 2, "late_share": 0.25}}})),
			problems: []string{"unknown-dataset", "invalid-request", "engine-unavailable", "query-too-expensive", "overloaded", "quota-exceeded"}},
		{method: http.MethodGet, path: "/v1/classification", name: "getClassification", group: "read", needs: needToken, handle: h.getClassification,
			zh: text{"分类分级表", "全部数据集各字段的级别：public 公开、internal 内部、sensitive 敏感、core 核心；readable 为本客户端能否读到。"},
			en: text{"Classification of every field", "Each field's level: public, internal, sensitive or core; readable says whether the caller is shown it."},
			answers: ok("字段", "The fields", jsonOf(object("fields", map[string]schema{"fields": list(schema{"type": "object"})}),
				map[string]any{"fields": []any{map[string]any{"dataset": "ticket_redemption", "dataset_name": "门票互认核销明细", "field": "ticket_hash", "label": "票号摘要", "label_en": "Ticket digest", "classification": "sensitive", "readable": false}}}))},
	}
}

// qualityGauges are what GET /v1/quality says, for those who watch.
type qualityGauges struct{ age, fresh, completeness, rejected, duplicates, late *prometheus.GaugeVec }

func newQualityGauges(r prometheus.Registerer) *qualityGauges {
	gauge := func(name, help string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "zida_quality_" + name, Help: help}, []string{"dataset", "agency"})
		r.MustRegister(v)
		return v
	}
	return &qualityGauges{
		age:          gauge("age_seconds", "Age of the newest period that a record covers."),
		fresh:        gauge("fresh", "1 while that is within what the contract promises, else 0; absent where it promises nothing."),
		completeness: gauge("completeness", "Share of optional fields that current records fill in."),
		rejected:     gauge("rejected_share", "Share of the rows received in 30 days that partial pushes rejected."),
		duplicates:   gauge("duplicate_share", "Share of the rows received in 30 days whose key came again in the same submission."),
		late:         gauge("late_share", "Share of the new records of 30 days that came later than the contract promises."),
	}
}

func (g *qualityGauges) set(list []analytics.Quality) {
	all := []*prometheus.GaugeVec{g.age, g.fresh, g.completeness, g.rejected, g.duplicates, g.late}
	for _, v := range all {
		v.Reset() // what has no value any more must not keep its last one
	}
	for i := range list {
		q := &list[i]
		for n, value := range []*float64{q.AgeHours, nil, q.Completeness, q.RejectedShare, q.DuplicateRate, q.LateShare} {
			if value != nil {
				all[n].WithLabelValues(q.Dataset, q.Agency).Set(*value)
			}
		}
		if q.AgeHours != nil {
			g.age.WithLabelValues(q.Dataset, q.Agency).Set(*q.AgeHours * 3600)
		}
		if q.Fresh != nil {
			kept := 0.0
			if *q.Fresh {
				kept = 1
			}
			g.fresh.WithLabelValues(q.Dataset, q.Agency).Set(kept)
		}
	}
}

// watchQuality measures now and then. It is the hub's own look, at every dataset.
func (h *Hub) watchQuality(context.Context) error {
	gauges := newQualityGauges(h.metrics.Registry)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(h.conf.QualityEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
			now := time.Now()
			list, err := h.analytics.Quality(ctx, "", now.AddDate(0, 0, -30), now, analytics.Reader{})
			if err != nil {
				h.slog.Debug("the quality could not be measured", "error", err)
				continue
			}
			gauges.set(list)
		}
	}()
	h.onClose(func() { cancel(); <-done })
	return nil
}

// rowCounter counts rows by dataset, agency and what became of them.
type rowCounter struct {
	vec  *prometheus.CounterVec
	seen map[rowLabels]prometheus.Counter // of the committer's goroutine: looking labels up costs more than counting
}

type rowLabels struct{ dataset, agency, outcome string }

func newRowCounter(r prometheus.Registerer) *rowCounter {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zida_rows_total", Help: "Rows of pushes by dataset, agency and outcome: accepted, superseded (of the accepted), rejected (by partial pushes), refused (the bad rows of pushes that were refused whole), retracted.",
	}, []string{"dataset", "agency", "outcome"})
	r.MustRegister(v)
	return &rowCounter{vec: v, seen: map[rowLabels]prometheus.Counter{}}
}

func (r *rowCounter) add(n uint32, dataset, agency, outcome string) {
	if n == 0 {
		return
	}
	l := rowLabels{dataset, agency, outcome}
	c := r.seen[l]
	if c == nil {
		c = r.vec.WithLabelValues(dataset, agency, outcome)
		r.seen[l] = c
	}
	c.Add(float64(n))
}

// note counts a block's rows.
func (r *rowCounter) note(b *journal.Block) {
	for i := range b.Submissions {
		s := &b.Submissions[i]
		if s.Kind == journal.Retraction {
			r.add(s.Accepted, s.Dataset, s.Agency, "retracted")
			continue
		}
		r.add(s.Accepted, s.Dataset, s.Agency, "accepted")
		r.add(s.Superseded, s.Dataset, s.Agency, "superseded")
		r.add(s.Rejected, s.Dataset, s.Agency, "rejected")
	}
}
