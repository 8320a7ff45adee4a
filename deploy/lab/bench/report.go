package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// results are the values of all rounds, by name.
type results map[string][]float64

func (r results) add(name string, value float64) { r[name] = append(r[name], value) }

func (r results) median(name string) float64 {
	v := slices.Sorted(slices.Values(r[name]))
	n := len(v)
	if n == 0 {
		return 0
	}
	if n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[n/2]
}

// ratioOf is a ratio of two figures of the same round, and the least it should be.
type ratioOf struct {
	name        string
	above       string
	below       string
	least       float64
	explanation string
}

var ratioTable = []ratioOf{
	{"bulk_push_ndjson", "bulk_direct_ms", "bulk_visible_ms", 1.5, "direct INSERT ÷ ours until visible"},
	{"bulk_push_ndjson_tuned", "bulk_direct_tuned_ms", "bulk_visible_ms", 1.2, "direct with optimize_on_insert=0 ÷ ours until visible"},
	{"bulk_ack", "bulk_direct_ms", "bulk_ack_ms", 2.5, "direct INSERT ÷ our 202"},
	{"small_push_rate", "small_push_per_s", "small_direct_per_s", 60, "our single-row pushes/s ÷ direct async inserts/s, 64 connections"},
	{"small_push_vs_noop", "small_push_per_s", "small_noop_per_s", 0.45, "our single-row pushes/s ÷ a gin handler that does nothing"},
}

// mostOf bounds a figure from above.
var mostOf = []struct {
	name string
	most float64
}{
	{"small_push_p99_ms", 10},
	{"visible_p99_ms", 1000},
	{"hub_rss_max_mib", 512},
}

// ratios pairs the figures of a round, of which each name has got one value a round.
func (b *bench) ratios(round int) {
	for _, r := range ratioTable {
		above, below := b.results[r.above], b.results[r.below]
		if len(above) > round && len(below) > round && below[round] > 0 {
			b.results.add(r.name, above[round]/below[round])
		}
	}
}

// bounds is how bench.json tells a target.
type bounds struct {
	AtLeast *float64 `json:"at_least,omitempty"`
	AtMost  *float64 `json:"at_most,omitempty"`
	Met     bool     `json:"met"`
}

// document is bench.json.
type document struct {
	Machine machine               `json:"machine"`
	Ratios  map[string]float64    `json:"ratios"`
	Spread  map[string][2]float64 `json:"spread"`
	Figures map[string]float64    `json:"figures"`
	Targets map[string]bounds     `json:"targets"`
	Rounds  int                   `json:"rounds"`
	Rows    int                   `json:"rows"`
	Notes   []string              `json:"notes"`
}

var notes = []string{
	"medians of the rounds; ratios are paired within a round; spread is the least and the greatest",
	"one machine holds the load program and the side it measures; the other sides run, and are idle (watched) meanwhile",
	"the direct way: an engine of the same library, memory and threads, one ReplacingMergeTree with the contract's columns, partition and order, fsync_after_insert=1",
	"ours: zida serve with its defaults; token, contract, region, digest, durable journal, receipt, current and history tables",
	"bulk_check_ms is a dry run: reading, digest and checks alone; bulk_ack_ms less that is the journal, bulk_visible_ms less bulk_ack_ms the insert",
	"every acknowledged row was read back after its round, and agreed by count and checksum",
}

func (b *bench) document() *document {
	d := &document{
		Machine: thisMachine(), Ratios: map[string]float64{}, Spread: map[string][2]float64{}, Figures: map[string]float64{},
		Targets: map[string]bounds{}, Rounds: b.rounds, Rows: b.rows, Notes: notes,
	}
	for name, values := range b.results {
		d.Figures[name] = b.results.median(name)
		d.Spread[name] = [2]float64{slices.Min(values), slices.Max(values)}
	}
	for _, r := range ratioTable {
		if value, ok := d.Figures[r.name]; ok {
			delete(d.Figures, r.name)
			d.Ratios[r.name] = value
			d.Targets[r.name] = bounds{AtLeast: &r.least, Met: value >= r.least}
		}
	}
	for _, m := range mostOf {
		if value, ok := d.Figures[m.name]; ok {
			d.Targets[m.name] = bounds{AtMost: &m.most, Met: value <= m.most}
		}
	}
	return d
}

// report writes bench.json and prints the table.
func (b *bench) report() error {
	d := b.document()
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.out, append(text, '\n'), 0o600); err != nil {
		return err
	}
	missed := d.print()
	if b.strict && len(missed) > 0 {
		return errors.New("missed: " + strings.Join(missed, ", "))
	}
	return nil
}

func (d *document) print() (missed []string) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	m := d.Machine
	fmt.Fprintf(w, "%s, %d cores, %.1f GiB, %s, %s, %s\n\n", m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.Kernel, m.Go, m.Commit)
	fmt.Fprintln(w, "\tmedian\tleast\tgreatest\ttarget\t")
	line := func(name string, value float64) {
		target := ""
		if t, ok := d.Targets[name]; ok {
			word := "met"
			if !t.Met {
				word = "MISSED"
				missed = append(missed, name)
			}
			if t.AtLeast != nil {
				target = "≥ " + short(*t.AtLeast) + "\t" + word
			} else {
				target = "≤ " + short(*t.AtMost) + "\t" + word
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, short(value), short(d.Spread[name][0]), short(d.Spread[name][1]), target)
	}
	for _, r := range ratioTable {
		if value, ok := d.Ratios[r.name]; ok {
			line(r.name, value)
		}
	}
	for _, m := range mostOf {
		if value, ok := d.Figures[m.name]; ok {
			line(m.name, value)
		}
	}
	fmt.Fprintln(w)
	names := make([]string, 0, len(d.Figures))
	for name := range d.Figures {
		if _, ok := d.Targets[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		line(name, d.Figures[name])
	}
	_ = w.Flush()
	return missed
}

func short(v float64) string {
	switch {
	case v >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// machine says where the figures were taken.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory"` // bytes
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Date   string `json:"date"`
	Commit string `json:"commit"`
}

func thisMachine() machine {
	m := machine{CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().UTC().Format(time.RFC3339)}
	kib, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m.Memory = kib << 10
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(text))
	}
	if text, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(text))
		if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changed) > 0 {
			m.Commit += " with changes"
		}
	}
	return m
}

// field reads one "name: value" line of a file under /proc.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
