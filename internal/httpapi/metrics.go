package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the few figures that operators watch (Prometheus).
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	inFlight prometheus.Gauge
	sockets  *prometheus.GaugeVec
	dropped  *prometheus.CounterVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hotline_http_request_seconds", Help: "Time to answer HTTP requests.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hotline_http_requests_in_flight", Help: "HTTP requests being answered, sockets included."}),
		sockets:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hotline_sockets", Help: "Open WebSockets."}, []string{"kind"}),
		dropped:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hotline_sockets_dropped_total", Help: "WebSockets closed because they were too slow."}, []string{"kind"}),
	}
	m.registry.MustRegister(m.requests, m.inFlight, m.sockets, m.dropped, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &liveCollector{s})
	return m
}

// begin counts a request in; the returned function counts it out.
func (m *metrics) begin() func(r *http.Request, status int) {
	start := time.Now()
	m.inFlight.Inc()
	return func(r *http.Request, status int) {
		m.inFlight.Dec()
		route := r.Pattern // bounded: a pattern of ours, never a path
		if _, p, ok := strings.Cut(route, " "); ok {
			route = p
		}
		switch {
		case strings.HasSuffix(route, "/live"), strings.HasSuffix(route, "/socket"):
			return // how long a socket was open is no time to answer
		case route == "":
			route = "none"
		}
		m.requests.WithLabelValues(methodLabel(r.Method), route, strconv.Itoa(status)).Observe(time.Since(start).Seconds())
	}
}

// methodLabel keeps made-up methods from making labels.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

var (
	descCalls   = prometheus.NewDesc("hotline_calls_live", "Calls whose customer is still there.", nil, nil)
	descWaiting = prometheus.NewDesc("hotline_queue_waiting", "Conversations waiting for an agent.", []string{"queue"}, nil)
	descOffers  = prometheus.NewDesc("hotline_offers_pending", "Offers that ring.", []string{"queue"}, nil)
	descFailed  = prometheus.NewDesc("hotline_recordings_failed_total", "Recordings that are incomplete or never began.", []string{"reason"}, nil)
	descFree    = prometheus.NewDesc("hotline_recordings_disk_free_bytes", "Room on the disk of the recordings.", nil, nil)
	descSpooled = prometheus.NewDesc("hotline_spooled_writes", "Writes that wait on disk for the database.", nil, nil)
	descLate    = prometheus.NewDesc("hotline_media_lateness_seconds", "How late the 20 ms media ticks are.", []string{"quantile"}, nil)
)

// liveCollector asks for the state of calls when the metrics are fetched.
type liveCollector struct{ s *Server }

// Describe implements prometheus.Collector.
func (c *liveCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descCalls, descWaiting, descOffers, descFailed, descFree, descSpooled, descLate} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *liveCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if c.s.cfg.Live != nil {
		n := c.s.cfg.Live()
		gauge(descCalls, float64(n.Calls))
		for q, v := range n.Waiting {
			gauge(descWaiting, float64(v), q)
		}
		for q, v := range n.Offers {
			gauge(descOffers, float64(v), q)
		}
		for reason, v := range n.FailedRecordings {
			ch <- prometheus.MustNewConstMetric(descFailed, prometheus.CounterValue, float64(v), reason)
		}
		if n.DiskFree >= 0 {
			gauge(descFree, float64(n.DiskFree))
		}
		gauge(descSpooled, float64(n.Spooled))
	}
	if c.s.cfg.Media != nil {
		p99, worst := c.s.cfg.Media.Lateness()
		gauge(descLate, p99.Seconds(), "0.99")
		gauge(descLate, worst.Seconds(), "1")
	}
}
