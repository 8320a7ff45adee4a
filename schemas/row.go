package schemas

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// Decode checks the records of chunk, which holds whole records, and fills b with
// those that are right; what b held before is dropped. A record with an error is left
// out and decoding goes on, so that one answer can name many errors; whether
// anything may be kept then is the caller's decision (atomic or partial).
//
// FormatJSON is one object or one array of objects, as a body or as Chunker cuts it.
// Integers may be written as 1.0 or 1e3 as long as they are whole. Decimals may be
// JSON numbers or strings and are read exactly. null is the same as absent.
func (p *Plan) Decode(b *Batch, chunk []byte, format Format, opt *DecodeOptions) Decoded {
	if opt == nil {
		opt = &DecodeOptions{}
	}
	b.reset()
	b.bind(opt)
	switch format {
	case FormatJSON:
		b.decodeJSON(chunk)
	case FormatCSV:
		b.decodeCSV(chunk)
	default:
		b.decodeNDJSON(chunk)
	}
	return b.out
}

// codeCheck is what the codes of one field's list are worth under the plan, worked out
// once for each snapshot: verdicts[code-1] is an error code, or "" for a good one.
type codeCheck struct {
	list     *List
	verdicts []string
}

// bind takes the sender's lists into use.
func (b *Batch) bind(opt *DecodeOptions) {
	b.opt = opt
	b.maxErrors = opt.MaxErrors
	if b.maxErrors <= 0 {
		b.maxErrors = defaultMaxErrors
	}
	for i := range b.plan.fields {
		f := &b.plan.fields[i]
		if f.kind != kindCode {
			continue
		}
		list := f.enum
		if f.list != "" {
			list = opt.Sender.Lists.List(f.list)
		}
		b.cols[i].list = list
		check := &b.checks[i]
		if check.list == list || list == nil || !f.checkText && f.prop.ListAttr == "" {
			continue
		}
		check.list = list
		check.verdicts = make([]string, list.Len())
		for n, e := range list.entries {
			code := ""
			if f.checkText {
				code = f.textVerdict([]byte(e.Code))
			}
			if f.prop.ListAttr != "" && e.Attrs[f.prop.ListAttr] != f.prop.ListAttrValue {
				code = CodeListAttribute
			}
			check.verdicts[n] = code
		}
	}
}

// begin starts a record.
func (b *Batch) begin() {
	b.out.Records++
	b.row++
	b.seen, b.has, b.bad = bitset{}, bitset{}, false // wrong is cleared with the first error
	b.scratch = b.scratch[:0]
}

// finish ends a record whose fields have been read: what is absent, the region, the
// rules, uniqueness; then the row is kept or refused.
func (b *Batch) finish(raw []byte) {
	if !b.complete() {
		b.reject(raw)
		return
	}
	b.commit()
}

func (b *Batch) complete() bool {
	p := b.plan
	if !b.opt.KeysOnly {
		b.fillDefaults()
	} else if len(p.defaults) > 0 {
		b.fillKeyDefaults()
	}
	if p.region >= 0 && !b.checkRegion() {
		b.bad = true
	}
	need := &p.required
	if b.opt.KeysOnly {
		need = &p.keyNeed
	}
	for w := range p.words {
		if missing := need[w&3] &^ b.has[w&3]; missing != 0 {
			b.failMissing(need)
			break
		}
	}
	if b.bad {
		return false
	}
	if !b.opt.KeysOnly {
		for i := range p.rules {
			if r := &p.rules[i]; !r.holds(b) {
				b.failRule(r)
			}
		}
		if b.bad {
			return false
		}
		if len(p.unique) > 0 {
			return b.checkUnique()
		}
	}
	return true
}

func (b *Batch) fillDefaults() {
	for i := range b.plan.defaults {
		d := &b.plan.defaults[i]
		// A field that was there but wrong keeps its error and gets no default.
		if !b.has.has(d.at) && !b.reported(d.at) {
			b.setDefault(d)
		}
	}
}

func (b *Batch) fillKeyDefaults() {
	for i := range b.plan.defaults {
		d := &b.plan.defaults[i]
		if b.plan.keyOnly.has(d.at) && !b.has.has(d.at) && !b.reported(d.at) {
			b.setDefault(d)
		}
	}
}

func (b *Batch) setDefault(d *defaultValue) {
	f := &b.plan.fields[d.at]
	if f.list != "" {
		b.setText(f, d.value.str)
		return
	}
	b.slots[d.at] = d.value
	b.has.set(d.at)
}

// checkRegion fills in the region that the reference list names, and checks it
// against the row's own and the sender's.
func (b *Batch) checkRegion() bool {
	p := b.plan
	f, s := &p.fields[p.region], &b.slots[p.region]
	if p.regionFrom >= 0 && b.has.has(p.regionFrom) {
		entry := &b.cols[p.regionFrom].list.entries[b.slots[p.regionFrom].code-1]
		if entry.Region != "" {
			if !b.has.has(p.region) {
				if b.reported(p.region) {
					return false // it was there and wrong
				}
				region := entry.Region
				if !b.setText(f, unsafe.Slice(unsafe.StringData(region), len(region))) {
					return false
				}
			} else if string(s.str) != entry.Region {
				return b.failMismatch(f, s.str, entry)
			}
		}
	}
	if !b.has.has(p.region) {
		return true // reported as missing
	}
	packed := packRegion(s.str)
	known := &b.regions[packed*regionMix>>(64-regionBits)]
	if *known == packed && packed != 0 {
		return true
	}
	if !CoversRegion(b.opt.Sender.Regions, string(s.str)) {
		return b.failRegion(f, s.str)
	}
	*known = packed
	return true
}

// regionBits sizes the table of regions that were found to be the sender's.
const (
	regionBits = 5
	regionMix  = 0x9E3779B97F4A7C15
)

// packRegion is the six digits of a code in one word, 0 for any other text.
func packRegion(code []byte) uint64 {
	if len(code) != 6 {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(code)) | uint64(binary.LittleEndian.Uint16(code[4:]))<<32
}

// setText sets f from text: CSV cells, defaults, JSON strings of string-like kinds.
// The text must be valid UTF-8. It reports whether the value is good.
func (b *Batch) setText(f *field, text []byte) bool {
	s := &b.slots[f.at]
	switch f.kind {
	case kindString:
		if f.checkText {
			if code := f.textVerdict(text); code != "" {
				return b.fail(f, code, text)
			}
		}
		if f.key && len(text) == 0 {
			return b.fail(f, CodeRequired, nil)
		}
		s.str = text
	case kindCode:
		return b.setCode(f, text)
	case kindTime:
		ms, code := b.calendar.parseTime(text)
		return b.setInstant(f, text, ms, code)
	case kindDate:
		days, code := b.calendar.parseDate(text)
		return b.setInstant(f, text, days, code)
	case kindBool:
		switch string(text) {
		case "true", "TRUE", "True", "1", "是":
			s.num = 1
		case "false", "FALSE", "False", "0", "否":
			s.num = 0
		default:
			return b.fail(f, CodeType, text)
		}
	default:
		return b.setNumber(f, text)
	}
	b.has.set(f.at)
	return true
}

func (b *Batch) setCode(f *field, text []byte) bool {
	list := b.cols[f.at].list
	if list == nil {
		return b.fail(f, CodeUnknownCode, text)
	}
	code := list.find(text)
	if code == 0 {
		return b.fail(f, CodeUnknownCode, text)
	}
	if check := &b.checks[f.at]; check.verdicts != nil {
		if verdict := check.verdicts[code-1]; verdict != "" {
			return b.fail(f, verdict, text)
		}
	}
	s := &b.slots[f.at]
	s.code, s.str = code, text
	b.has.set(f.at)
	return true
}

func (b *Batch) setInstant(f *field, text []byte, v int64, code string) bool {
	if code != "" {
		return b.fail(f, code, text)
	}
	if v < f.min || v > f.max {
		return b.fail(f, CodeRange, text)
	}
	b.slots[f.at].num = v
	b.has.set(f.at)
	return true
}

// setNumber sets a number from its JSON text.
func (b *Batch) setNumber(f *field, text []byte) bool {
	if mantissa, frac, end, ok := fastNumber(text, 0); ok && end == len(text) {
		if done, good := b.setFast(f, text, mantissa, frac); done {
			return good
		}
	}
	s := &b.slots[f.at]
	if f.kind == kindFloat {
		if numberEnd(text, 0) != len(text) {
			return b.fail(f, CodeType, text)
		}
		v, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return b.fail(f, CodeRange, text)
		}
		return b.setFloat(f, text, v)
	}
	w, verdict := scaleNumber(text, f.scale)
	switch verdict {
	case numberSyntax:
		return b.fail(f, CodeType, text)
	case numberOverflow:
		if f.kind == kindInt {
			return b.fail(f, CodeRange, text)
		}
		return b.fail(f, f.beyond(text[0] == '-'), text)
	case numberInexact:
		if f.kind == kindInt {
			return b.fail(f, CodeType, text)
		}
		return b.fail(f, CodePrecision, text)
	}
	if f.kind == kindWide {
		if w.cmp(f.limit) >= 0 || w.cmp(f.limit.neg()) <= 0 {
			return b.fail(f, f.beyond(w.hi < 0), text)
		}
		if w.cmp(f.minWide) < 0 || w.cmp(f.maxWide) > 0 {
			return b.fail(f, CodeRange, text)
		}
		s.num, s.hi = int64(w.lo), w.hi
		b.has.set(f.at)
		return true
	}
	if f.kind == kindDecimal && (w.cmp(f.limit) >= 0 || w.cmp(f.limit.neg()) <= 0) {
		return b.fail(f, f.beyond(w.hi < 0), text)
	}
	if v := int64(w.lo); !w.fitsInt64() || v < f.min || v > f.max {
		return b.fail(f, CodeRange, text)
	}
	s.num = int64(w.lo)
	b.has.set(f.at)
	return true
}

// beyond is the code of a number that is too long for its column: where the contract
// has a bound on that side, that is what the sender must hear of.
func (f *field) beyond(negative bool) string {
	bound := f.prop.Maximum
	if negative {
		bound = f.prop.Minimum
	}
	if bound != "" {
		return CodeRange
	}
	return CodePrecision
}

// setFast sets a number of at most 18 digits, mantissa ÷ 10^frac. done is false
// when only the slow path can tell.
func (b *Batch) setFast(f *field, text []byte, mantissa int64, frac int) (done, good bool) {
	switch f.kind {
	case kindInt:
		if frac != 0 {
			return false, false
		}
	case kindDecimal:
		up := uint(f.scale - frac)
		if up >= uint(len(pow10s)) || mantissa > liftable[up] || mantissa < -liftable[up] {
			return false, false
		}
		mantissa *= pow10s[up]
		if limit := int64(f.limit.lo); mantissa >= limit || mantissa <= -limit {
			return true, b.fail(f, f.beyond(mantissa < 0), text)
		}
	case kindFloat:
		if mantissa > 1<<53 || mantissa < -1<<53 || mantissa == 0 {
			return false, false // 0 may be −0
		}
		return true, b.setFloat(f, text, float64(mantissa)/exactPow10[frac])
	default:
		return false, false
	}
	if mantissa < f.min || mantissa > f.max {
		return true, b.fail(f, CodeRange, text)
	}
	b.slots[f.at].num = mantissa
	b.has.set(f.at)
	return true, true
}

func (b *Batch) setFloat(f *field, text []byte, v float64) bool {
	low, high := v < f.minF, v > f.maxF
	if f.prop.ExclusiveMinimum && f.prop.Minimum != "" {
		low = v <= f.minF
	}
	if f.prop.ExclusiveMaximum && f.prop.Maximum != "" {
		high = v >= f.maxF
	}
	if low || high {
		return b.fail(f, CodeRange, text)
	}
	b.slots[f.at].num = int64(math.Float64bits(v))
	b.has.set(f.at)
	return true
}

// textVerdict checks length and pattern; "" is good.
func (f *field) textVerdict(text []byte) string {
	if n := len(text); n > f.maxLen || n < f.minLen || f.minLen > 0 {
		// Bytes bound characters from above; count only where that does not decide.
		if n = utf8.RuneCount(text); n > f.maxLen || n < f.minLen {
			return CodeLength
		}
	}
	switch {
	case f.shape != nil:
		if !f.shape.matches(text) {
			return CodePattern
		}
	case f.pattern != nil && !f.pattern.Match(text):
		return CodePattern
	}
	return ""
}

// blank reports whether s holds nothing but JSON's white space.
func blank(s []byte) bool {
	return len(bytes.Trim(s, " \t\r\n")) == 0
}
