package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/zida-hub/zida/hub/auth"
	"github.com/zida-hub/zida/hub/journal"
	"github.com/zida-hub/zida/hub/registry"
	"github.com/zida-hub/zida/schemas"
)

// Contracts are published while the hub runs: a version becomes an entry of the
// journal's state, so that every replica takes it and both sides can read who
// published what. Tables are brought up to it before it is in force.

// contractPrefix begins the keys of published contracts in the state.
const contractPrefix = "contract."

// maxContractBody bounds a contract on the wire.
const maxContractBody = 256 << 10

// published is the value of a contract's key.
type published struct {
	Act    registry.Act `json:"act"`
	Source string       `json:"source"`           // the ODCS document
	Retire string       `json:"retire,omitempty"` // day on which versions of a lower major number end
}

// followContracts takes in what was published, and what will be.
func (h *Hub) followContracts(s *journal.State) {
	s.Watch(contractPrefix, func(e journal.Entry) {
		var p published
		err := json.Unmarshal(e.Value, &p)
		var d *dataset
		if err == nil {
			d, err = parseDataset([]byte(p.Source))
		}
		if err != nil { // made by another release: the rest goes on
			h.slog.Error("a published contract cannot be read; its dataset stays at the version before", "key", e.Key, "error", err)
			return
		}
		h.catalog.add(d, retireTime(p.Retire))
		h.slog.Info("contract in force", "dataset", d.contract.ID, "version", d.contract.Version)
	})
}

func parseDataset(source []byte) (*dataset, error) {
	c, err := schemas.ParseContract(source)
	if err != nil {
		return nil, err
	}
	return newDataset(c)
}

// retireTime is the first instant of a day in Asia/Shanghai; zero for "".
func retireTime(day string) time.Time {
	t, err := time.ParseInLocation("2006-01-02", day, china)
	if err != nil {
		return time.Time{}
	}
	return t
}

var china = time.FixedZone("Asia/Shanghai", 8*3600)

// affected is a client that a breaking change concerns.
type affected struct {
	Agency string `json:"agency"`
	Client string `json:"client"`
	Pushes bool   `json:"pushes"`
	Reads  bool   `json:"reads"`
}

// publication is what publishing a contract comes to.
type publication struct {
	Dataset  string           `json:"dataset"`
	Version  string           `json:"version"`
	Previous string           `json:"previous,omitempty"`
	Changes  []schemas.Change `json:"changes"`
	// Affected are the clients that push or read the dataset, when a change breaks something.
	Affected  []affected `json:"affected"`
	RetireOn  string     `json:"retire_on,omitempty"`
	Published bool       `json:"published"` // false: only checked, or in force already
}

// publishContract answers POST /v1/admin/contracts.
func (h *Hub) publishContract(c *gin.Context) {
	source, err := io.ReadAll(c.Request.Body)
	if err != nil {
		h.fail(c, problemFor(err))
		return
	}
	dry := false
	switch v := c.Query("dry_run"); v {
	case "", "false":
	case "true":
		dry = true
	default:
		h.fail(c, badParam("dry_run", "type", v, "dry_run 只能是 true 或 false", "dry_run is true or false"))
		return
	}
	retire := c.Query("retire")
	if retire != "" && retireTime(retire).IsZero() {
		h.fail(c, badParam("retire", "invalid_time", retire, "retire 须为日期，如 2027-01-01", "retire is a day, such as 2027-01-01"))
		return
	}
	out, d, err := h.judgeContract(source)
	if err == nil {
		out.RetireOn = retire
		if !dry && d != nil {
			err = h.enforce(c, d, published{
				Act:    registry.NewAct(actor(c), "contract.publish", versionKey(out.Dataset, out.Version), "", time.Now(), []registry.Change{{Field: "version", From: out.Previous, To: out.Version}}),
				Source: string(source), Retire: retire,
			})
			out.Published = err == nil
		}
	}
	if err != nil {
		h.fail(c, err)
		return
	}
	status := http.StatusOK
	if out.Published {
		status = http.StatusCreated
	}
	writeJSON(c, status, out)
}

// judgeContract says what a contract changes, and why it cannot be published; d
// is nil when it is in force already.
func (h *Hub) judgeContract(source []byte) (*publication, *dataset, error) {
	d, err := parseDataset(source)
	if err != nil {
		return nil, nil, contractProblem(err)
	}
	if name := h.analytics.Clash(d.contract); name != "" {
		return nil, nil, contractProblem(&schemas.ContractError{Issues: []schemas.ContractIssue{{
			Path: "id", Text: "its metric " + name + " would take the name of one that is there", Remedy: "choose another id for the dataset, or another name for the property"}}})
	}
	out := &publication{Dataset: d.contract.ID, Version: d.contract.Version, Changes: []schemas.Change{}, Affected: []affected{}}
	if err := schemas.CheckSet(h.catalog.with(d.contract)); err != nil {
		return nil, nil, contractProblem(err)
	}
	old := h.catalog.get(d.contract.ID)
	if old == nil {
		return out, d, nil
	}
	out.Previous = old.contract.Version
	if same := h.catalog.version(d.contract.ID, d.contract.Version); same != nil && len(schemas.Diff(same.contract, d.contract)) == 0 {
		return out, nil, nil
	}
	if changes := schemas.Diff(old.contract, d.contract); changes != nil {
		out.Changes = changes
	}
	if slices.ContainsFunc(out.Changes, func(c schemas.Change) bool { return c.Kind == schemas.ChangeBreaking }) {
		out.Affected = h.affectedBy(d.contract.ID)
	}
	if err := schemas.CheckVersion(old.contract, d.contract, out.Changes); err != nil {
		return nil, nil, h.breakingProblem(out, err)
	}
	return out, d, nil
}

// affectedBy lists the clients whose scopes let them push or read a dataset.
func (h *Hub) affectedBy(id string) []affected {
	list := []affected{}
	for _, c := range h.registry.Clients("") {
		g, ok := h.registry.Grants(c.ID)
		if !ok || g.Agency.ID == registry.Operator {
			continue
		}
		p := auth.Principal{Agency: g.Agency.ID, Scopes: g.Scopes}
		if a := (affected{Agency: g.Agency.ID, Client: c.ID, Pushes: p.CanPush(id), Reads: p.CanRead(id)}); a.Pushes || a.Reads {
			list = append(list, a)
		}
	}
	return list
}

// enforce makes the tables ready and writes the version down.
func (h *Hub) enforce(ctx context.Context, d *dataset, p published) error {
	if err := h.analytics.EnsureTables(ctx, d.contract, d.plan.Columns()); err != nil {
		if h.store.Ready(ctx) != nil {
			return refuse("engine-unavailable", "", "").retryIn(2 * time.Second).because(err)
		}
		return refuse("contract-conflict", "现有数据表无法容纳此合约："+err.Error(), "The tables that are there cannot hold this contract: "+err.Error()).because(err)
	}
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = h.journal.State().Put(ctx, versionKey(d.contract.ID, d.contract.Version), value, 0)
	if errors.Is(err, journal.ErrConflict) {
		return refuse("contract-conflict", "该版本已经发布，内容与此不同；请提高版本号", "This version has been published with other content; raise the version")
	}
	return err
}

// contractProblem lists what is wrong with a contract.
func contractProblem(err error) error {
	var wrong *schemas.ContractError
	if !errors.As(err, &wrong) {
		return refuse("contract-invalid", "", err.Error()).because(err)
	}
	p := refuse("contract-invalid", fmt.Sprintf("合约有 %d 处问题", len(wrong.Issues)), "The contract has "+counted(len(wrong.Issues), "problem"))
	for _, i := range wrong.Issues {
		text := i.Text
		if i.Remedy != "" {
			text += "; " + i.Remedy
		}
		p.Fields = append(p.Fields, fieldFault{Field: i.Path, Code: "contract", ZH: text, EN: text})
	}
	return p
}

// breakingProblem says in words what would break, and for whom.
func (h *Hub) breakingProblem(out *publication, cause error) error {
	var zh, en []string
	p := refuse("contract-breaking", "", "").because(cause)
	for _, c := range out.Changes {
		if c.Kind == schemas.ChangeBreaking {
			zh, en = append(zh, c.Path+" "+c.TextZH), append(en, c.Path+" "+c.Text)
			p.Fields = append(p.Fields, fieldFault{Field: c.Path, Code: c.Kind, ZH: c.TextZH, EN: c.Text})
		}
	}
	var who []string
	for _, a := range out.Affected {
		if !slices.Contains(who, a.Agency) {
			who = append(who, a.Agency)
		}
	}
	p.ZH = fmt.Sprintf("版本 %s 不能接替 %s：%s", out.Version, out.Previous, strings.Join(zh, "；"))
	p.EN = cause.Error() + ": " + strings.Join(en, "; ")
	if len(zh) == 0 {
		p.ZH = fmt.Sprintf("版本号 %s 与 %s 相比没有按改动提高", out.Version, out.Previous)
		p.EN = cause.Error()
	}
	if len(who) > 0 {
		p.ZH += "。涉及机构：" + strings.Join(who, "、")
		p.EN += ". Concerned are " + strings.Join(who, ", ")
	}
	return p.with("changes", out.Changes).with("affected", out.Affected)
}

// chooseVersion finds what a push is to be checked against: the version it names,
// or the newest, with the older ones that are still served behind it.
func (h *Hub) chooseVersion(c *gin.Context, id string, p *push) error {
	versions := h.catalog.versions(id)
	if len(versions) == 0 {
		return unknownDataset(id)
	}
	p.ds = versions[0]
	name := c.Request.Header.Get("Content-Contract-Version")
	if name == "" {
		if len(versions) > 1 {
			p.older = served(versions, time.Now())
		}
		return nil
	}
	if p.ds = h.catalog.version(id, name); p.ds == nil {
		have := make([]string, len(versions))
		for i, d := range versions {
			have[i] = d.contract.Version
		}
		return refuse("unknown-contract-version", "数据集 "+id+" 没有合约版本 "+quoteShort(name)+"；现有 "+strings.Join(have, "、"),
			"Dataset "+id+" has no contract version "+quoteShort(name)+"; there are "+strings.Join(have, ", "))
	}
	if end := p.ds.retired; !end.IsZero() && !time.Now().Before(end) {
		newest := versions[0].contract.Version
		return refuse("contract-retired", "合约版本 "+name+" 已于 "+end.In(china).Format("2006-01-02")+" 停用，请改用 "+newest,
			"Contract version "+name+" ended on "+end.In(china).Format("2006-01-02")+"; use "+newest)
	}
	return nil
}

// served is what is left to try behind the newest version: of each older major
// number the newest that has not ended, which takes whatever its elders take.
func served(versions []*dataset, now time.Time) []*dataset {
	var out []*dataset
	major := schemas.Major(versions[0].contract.Version)
	for _, d := range versions[1:] {
		m := schemas.Major(d.contract.Version)
		if m == major || !d.retired.IsZero() && !now.Before(d.retired) {
			continue
		}
		out, major = append(out, d), m
	}
	return out
}

// checkVersions checks a whole body against the newest version, and where that
// refuses a record, against the older ones still served: the newest that the
// records satisfy. When there is none, the newest says what is wrong.
func (h *Hub) checkVersions(p *push, body []byte) (*checked, error) {
	k, err := h.check(p, body)
	if err == nil && k.rejected == 0 || len(p.older) == 0 {
		return k, err
	}
	newest := p.ds
	for _, p.ds = range p.older {
		other, failed := h.check(p, body)
		if failed == nil && other.rejected == 0 {
			k.release()
			return other, nil
		}
		other.release()
	}
	p.ds = newest
	return k, err
}

// guessVersion chooses for a body that is read once by its first records.
func (h *Hub) guessVersion(p *push, begin []byte) {
	if len(p.older) == 0 {
		return
	}
	ch := schemas.NewChunker(bytes.NewReader(begin), p.format, schemas.ChunkOptions{Size: 64 << 10, MaxRecord: int(h.conf.RecordMax)})
	newest := *p
	for _, p.ds = range append([]*dataset{newest.ds}, newest.older...) {
		opt := schemas.DecodeOptions{Sender: schemas.Sender{Regions: p.who.Regions, Lists: h.ledger.lists.Load()}, MaxErrors: 1}
		if p.format == schemas.FormatCSV {
			if readHeader(ch, p, &opt) != nil {
				ch = schemas.NewChunker(bytes.NewReader(begin), p.format, schemas.ChunkOptions{Size: 64 << 10, MaxRecord: int(h.conf.RecordMax)})
				continue
			}
		}
		chunk, err := ch.Next()
		if err != nil {
			break
		}
		b := p.ds.plan.Batch()
		d := p.ds.plan.Decode(b, chunk, p.format, &opt)
		b.Release()
		if d.Body == nil && d.Rejected == 0 {
			return
		}
		ch = schemas.NewChunker(bytes.NewReader(begin), p.format, schemas.ChunkOptions{Size: 64 << 10, MaxRecord: int(h.conf.RecordMax)})
	}
	p.ds = newest.ds
}

// tellAge says in the answer's headers that a version is on its way out (RFC 8594).
func (h *Hub) tellAge(c *gin.Context, d *dataset) {
	newest := h.catalog.get(d.contract.ID)
	if newest == d || newest.contract.Version == d.contract.Version {
		return
	}
	header := c.Writer.Header()
	header.Set("Content-Contract-Version", d.contract.Version)
	header.Set("Link", "</v1/datasets/"+d.contract.ID+`>; rel="successor-version"`)
	if !d.retired.IsZero() {
		header.Set("Sunset", d.retired.UTC().Format(http.TimeFormat))
	}
}

func quoteShort(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return "“" + strings.ToValidUTF8(s, "") + "”"
}
