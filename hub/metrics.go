package hub

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is the hub's own Prometheus registry. Other parts register their
// collectors in Registry; the HTTP side keeps one histogram a route.
type metrics struct {
	Registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
	answers  *prometheus.CounterVec
	panics   prometheus.Counter
	rows     *rowCounter
	handler  http.Handler
}

func newMetrics(version string) *metrics {
	m := &metrics{
		Registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zida_http_request_seconds", Help: "Time from a request's headers to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zida_http_answers_total", Help: "Answers by route and status.",
		}, []string{"method", "route", "status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "zida_http_panics_total", Help: "Handlers that panicked and answered 500.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "zida_build_info", Help: "Always 1; the version is a label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.Registry.MustRegister(m.seconds, m.answers, m.panics, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.rows = newRowCounter(m.Registry)
	m.handler = promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{Registry: m.Registry, MaxRequestsInFlight: 4})
	return m
}

// routeMetrics holds a route's metrics resolved once: looking labels up by their
// values costs more than the observation itself.
type routeMetrics struct {
	seconds prometheus.Observer
	usual   [6]statusCount // the route's declared statuses, the success first
	more    *prometheus.CounterVec
	method  string
	path    string
}

type statusCount struct {
	status  int
	counter prometheus.Counter
}

func (m *metrics) route(r *route) *routeMetrics {
	rm := &routeMetrics{
		seconds: m.seconds.WithLabelValues(r.method, r.path),
		more:    m.answers, method: r.method, path: r.path,
	}
	statuses := make([]int, 0, len(rm.usual))
	for _, a := range r.answers {
		statuses = append(statuses, a.status)
	}
	statuses = append(statuses, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	for i := range min(len(statuses), len(rm.usual)) {
		rm.usual[i] = statusCount{statuses[i], m.answers.WithLabelValues(r.method, r.path, strconv.Itoa(statuses[i]))}
	}
	return rm
}

func (rm *routeMetrics) observe(status int, elapsed time.Duration) {
	rm.seconds.Observe(elapsed.Seconds())
	for i := range rm.usual {
		if rm.usual[i].status == status {
			rm.usual[i].counter.Inc()
			return
		}
	}
	rm.more.WithLabelValues(rm.method, rm.path, strconv.Itoa(status)).Inc()
}
