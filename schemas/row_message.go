package schemas

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// fail records an error of field f and marks the row as bad. It returns false, so
// that setters can return it.
func (b *Batch) fail(f *field, code string, value []byte) bool {
	b.record(f.name, code, value, func() saying { return b.describe(f, code, value) })
	b.wrong.set(f.at)
	return false
}

// record counts an error and describes it if there is room; the first of a row is
// always described in partial mode, for quarantine.
func (b *Batch) record(name, code string, value []byte, describe func() saying) {
	first := !b.bad
	if first {
		b.bad, b.wrong = true, bitset{}
	}
	b.out.ErrorCount++
	room := len(b.out.Errors) < b.maxErrors
	if !room && (!first || !b.opt.Partial) {
		return
	}
	say := describe()
	e := RowError{Row: b.row, Line: b.line, Field: name, Code: code, Message: say.zh, Value: quote(value), say: &say}
	if first {
		b.reason = e
	}
	if room {
		b.out.Errors = append(b.out.Errors, e)
	}
}

func (b *Batch) failMissing(need *bitset) {
	for i := range b.plan.fields {
		// A region that follows from a code is not missed where the code is.
		if i == b.plan.region && b.plan.regionFrom >= 0 && !b.has.has(b.plan.regionFrom) {
			continue
		}
		if need.has(i) && !b.has.has(i) && !b.reported(i) {
			b.fail(&b.plan.fields[i], CodeRequired, nil)
		}
	}
}

// reported tells a field that was there and got an error from one that is absent.
func (b *Batch) reported(i int) bool { return b.bad && b.wrong.has(i) }

func (b *Batch) failRule(r *rule) {
	var value []byte
	if r.blame != nil && b.has.has(r.blame.at) {
		value = b.slots[r.blame.at].text(r.blame)
	}
	name := ""
	if r.blame != nil {
		name = r.blame.name
	}
	b.record(name, CodeRule, value, func() saying { return saying{zh: r.zh, en: r.en} })
}

func (b *Batch) failMismatch(f *field, value []byte, entry *ListEntry) bool {
	b.record(f.name, CodeRegionMismatch, value, func() saying {
		return saying{
			zh: fmt.Sprintf("参照表中 %s 属于区划 %s，与本行不同；请改为 %s 或省略该字段", entry.Code, entry.Region, entry.Region),
			en: fmt.Sprintf("the reference list puts %s in region %s; send %s or leave the field out", entry.Code, entry.Region, entry.Region),
		}
	})
	return false
}

func (b *Batch) failRegion(f *field, value []byte) bool {
	b.record(f.name, CodeRegionNotAllowed, value, func() saying {
		regions := strings.Join(b.opt.Sender.Regions, ", ")
		return saying{
			zh: fmt.Sprintf("区划 %s 不在报送单位的范围（%s）内；该行应由其所属一方报送", quote(value), regions),
			en: fmt.Sprintf("region %s is not among the sender's (%s); its own side must send this row", quote(value), regions),
		}
	})
	return false
}

// describe says what is wrong with a value of f and what to do.
func (b *Batch) describe(f *field, code string, value []byte) saying {
	switch code {
	case CodeRequired:
		return saying{zh: "缺少必填字段；请补上它的值", en: "is required but missing; give it a value"}
	case CodeType:
		return f.sayType()
	case CodeRange:
		low, high := f.boundTexts()
		return saying{
			zh: fmt.Sprintf("超出允许范围 %s 至 %s；请核对数值和单位", low, high),
			en: fmt.Sprintf("is outside %s to %s; check the value and its unit", low, high),
		}
	case CodeLength:
		return f.sayLength(value)
	case CodePattern:
		return saying{
			zh: "格式不符，应匹配 " + f.pattern.String() + f.example("，例如 "),
			en: "must match " + f.pattern.String() + f.example(", for example "),
		}
	case CodeUnknownCode:
		return b.sayUnknownCode(f, value)
	case CodeListAttribute:
		return saying{
			zh: fmt.Sprintf("参照表 %s 中该代码的 %s 不是 %s，不能报送本数据集；请改报对应的数据集或先修订参照表", f.list, f.prop.ListAttr, f.prop.ListAttrValue),
			en: fmt.Sprintf("its entry in %s does not have %s = %s, so it cannot be sent to this dataset; use the other one or revise the list", f.list, f.prop.ListAttr, f.prop.ListAttrValue),
		}
	case CodePrecision:
		return f.sayPrecision()
	case CodeInvalidTime:
		return f.sayTime()
	case CodeDuplicateKey:
		return saying{zh: "该值在本次报送中重复，而它必须唯一；请删除或更正其中一行", en: "occurs twice in this submission but must be unique; remove or correct one of the rows"}
	case CodeDuplicateField:
		return saying{zh: "同一记录中出现两次；请只保留一个", en: "occurs twice in one record; keep one of them"}
	case CodeInvalidUTF8:
		return saying{zh: "含有不是 UTF-8 的字节；请把文件另存为 UTF-8（常见原因是 GB18030/GBK 编码）", en: "holds bytes that are not UTF-8; save the file as UTF-8 (it often is GB18030 or GBK)"}
	}
	return saying{zh: "值无效；请核对", en: "is not valid; check it"}
}

func (f *field) sayType() saying {
	switch f.kind {
	case kindInt:
		return saying{zh: "应为整数；请去掉引号、单位和小数", en: "must be a whole number; send it without quotes, unit or fraction"}
	case kindDecimal, kindWide:
		return saying{zh: "应为十进制数；请去掉单位和千分位逗号", en: "must be a decimal number; remove units and thousands separators"}
	case kindFloat:
		return saying{zh: "应为数值；请去掉引号、单位和千分位逗号", en: "must be a number; remove quotes, units and thousands separators"}
	case kindBool:
		return saying{zh: "应为 true 或 false", en: "must be true or false"}
	}
	return saying{zh: "应为字符串；请加上双引号", en: "must be a string; put it in double quotes"}
}

func (f *field) sayLength(value []byte) saying {
	n := utf8.RuneCount(value)
	low, high := strconv.Itoa(f.minLen), strconv.Itoa(f.maxLen)
	if f.maxLen == maxText {
		return saying{zh: fmt.Sprintf("有 %d 个字符，至少应有 %s 个；请补全", n, low), en: fmt.Sprintf("has %d characters, at least %s are needed", n, low)}
	}
	return saying{
		zh: fmt.Sprintf("有 %d 个字符，应为 %s 至 %s 个；请补全或缩短", n, low, high),
		en: fmt.Sprintf("has %d characters, %s to %s are allowed; complete or shorten it", n, low, high),
	}
}

func (f *field) sayPrecision() saying {
	if f.kind == kindTime {
		return saying{zh: "时间精确到毫秒；请去掉毫秒以下的非零数字", en: "times are kept to the millisecond; drop the digits below it"}
	}
	return saying{
		zh: fmt.Sprintf("最多 %d 位有效数字，其中小数 %d 位；请按此精度报送，不要四舍五入之外的多余位数", f.prop.Precision, f.prop.Scale),
		en: fmt.Sprintf("at most %d digits, %d of them after the point, are kept exactly; send it at that precision", f.prop.Precision, f.prop.Scale),
	}
}

func (f *field) sayTime() saying {
	if f.kind == kindDate {
		return saying{zh: "不是存在的日期；应写作 2024-02-29 这样的 YYYY-MM-DD", en: "is not a day of the calendar; write YYYY-MM-DD, such as 2024-02-29"}
	}
	return saying{
		zh: "不是存在的时刻；应写作 2024-10-01T08:00:00+08:00，或北京时间 2024-10-01 08:00:00，或日期 2024-10-01",
		en: "is not an existing time; write 2024-10-01T08:00:00+08:00, or 2024-10-01 08:00:00 or 2024-10-01 in China's time",
	}
}

// example is a value from the contract, behind lead, or nothing.
func (f *field) example(lead string) string {
	if len(f.prop.Examples) == 0 {
		return ""
	}
	return lead + f.prop.Examples[0]
}

// namedCodes is up to how many codes a message lists.
const namedCodes = 8

func (b *Batch) sayUnknownCode(f *field, value []byte) saying {
	list := b.cols[f.at].list
	if list == nil {
		return saying{
			zh: fmt.Sprintf("参照表 %s 尚未建立；请先报送该参照表", f.list),
			en: fmt.Sprintf("the reference list %s is not loaded; push that list first", f.list),
		}
	}
	near := nearest(string(value), list)
	zhNear, enNear := "", ""
	if near != "" {
		zhNear, enNear = "；是否应为 "+near, "; did you mean "+near
	}
	if f.enum != nil {
		codes := list.codes(namedCodes)
		labelled := make([]string, len(codes))
		for i, code := range codes {
			labelled[i] = code
			if label := f.prop.ValueIn("zh", code); label != code {
				labelled[i] += " " + label
			}
		}
		more := ""
		if list.Len() > namedCodes {
			more = " …"
		}
		return saying{
			zh: "不是允许的值（" + strings.Join(labelled, ", ") + more + "）" + zhNear,
			en: "is not one of " + strings.Join(codes, ", ") + more + enNear,
		}
	}
	return saying{
		zh: fmt.Sprintf("代码不在参照表 %s 中%s；请核对，或先由其所属方登记", f.list, zhNear),
		en: fmt.Sprintf("is not in the reference list %s%s; check it, or have its owner add it first", f.list, enNear),
	}
}

// boundTexts are the bounds as a person writes them.
func (f *field) boundTexts() (low, high string) {
	low, high = f.prop.Minimum, f.prop.Maximum
	lows, highs := slot{num: f.min}, slot{num: f.max}
	switch f.kind {
	case kindWide:
		lows, highs = slot{num: int64(f.minWide.lo), hi: f.minWide.hi}, slot{num: int64(f.maxWide.lo), hi: f.maxWide.hi}
	case kindFloat:
		if low == "" {
			low = "-1.8e308"
		}
		if high == "" {
			high = "1.8e308"
		}
	}
	if low == "" {
		low = string(lows.text(f))
	}
	if high == "" {
		high = string(highs.text(f))
	}
	return low, high
}

// text is the value as a person writes it.
func (s *slot) text(f *field) []byte {
	switch f.kind {
	case kindString, kindCode:
		return s.str
	case kindBool:
		return strconv.AppendBool(nil, s.num != 0)
	case kindInt:
		return strconv.AppendInt(nil, s.num, 10)
	case kindDecimal:
		return wideOf(s.num).appendDecimal(nil, f.prop.Scale)
	case kindWide:
		return s.wide().appendDecimal(nil, f.prop.Scale)
	case kindFloat:
		return strconv.AppendFloat(nil, s.float(), 'g', -1, 64)
	case kindTime:
		return time.UnixMilli(s.num).In(shanghai).AppendFormat(nil, "2006-01-02T15:04:05.999Z07:00")
	case kindDate:
		return time.Unix(s.num*86400, 0).UTC().AppendFormat(nil, "2006-01-02")
	}
	return nil
}

// nearest is the code of list that differs from value in the fewest characters, ""
// when none is close.
func nearest(value string, list *List) string {
	const tries = 2000
	n := utf8.RuneCountInString(value)
	best, at := min(n, max(3, n/3+1)), -1
	if n > maxErrorValue {
		return ""
	}
	for i := range list.entries {
		if i == tries {
			break
		}
		if d := distance(strings.ToLower(value), strings.ToLower(list.entries[i].Code), best); d < best {
			best, at = d, i
		}
	}
	if at < 0 {
		return ""
	}
	return list.entries[at].Code
}

// distance is the Levenshtein distance of a and b in characters, or limit when it is no less.
func distance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if len(ra)-len(rb) >= limit || len(rb)-len(ra) >= limit {
		return limit
	}
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range ra {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range rb {
			cost := diagonal
			if x != y {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(rb)]
}
