package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/zida-hub/zida/hub/cli/demo"
)

// clauses of the plan that imply data, in its order, by their titles there.
var clauses = []struct{ no, title string }{
	{"1", "全域建设大足石刻文化公园（旅游服务数字化）"}, {"2", "世界知名研究院"}, {"5", "会展赛事经济"},
	{"（二）", "城市能级提升：地区生产总值、服务业比重、人口、城镇化率"}, {"6", "大足石刻文化城"}, {"9", "交通基础设施"},
	{"10", "能源保障：用气化率、加氢站"}, {"11", "区域水网：供水能力、水库雨水情"}, {"（四）", "特色产业高地：制造业、数字经济比重"},
	{"12", "优化提升产业平台（亩均论英雄、共建园区）"}, {"13", "特色产业集群"}, {"（五）", "创新能力：科技型企业、高新技术企业"},
	{"15", "科技创新平台"}, {"16", "科技创新能力"}, {"17", "科技成果转化"}, {"18", "科技开放合作"}, {"19", "创新生态（人才卡互认）"},
	{"（六）", "生态优先：优良天数、断面达标"}, {"21", "生态环境质量（大气、水、危险废物转移）"}, {"（七）", "改革开放：进出口总额"},
	{"23", "数字政府：数据分类分级、溯源"}, {"26", "民营经济"}, {"27", "经济区与行政区适度分离（统计分算、税收分享）"}, {"28", "开放平台"}, {"29", "开放型经济"},
	{"（八）", "农业强区：城乡收入比"}, {"30", "城乡融合：村集体收入、示范村"}, {"33", "现代高效特色农业"}, {"（九）", "高品质生活：预期寿命、就业"},
	{"35", "就业：调查失业率"}, {"37", "社会保障（参保率、异地结算、通办）"}, {"39", "教育：毛入园率"}, {"41", "社会治理与应急联动"},
	{"42", "文化遗产保护利用"}, {"43", "文旅基础设施网络"}, {"44", "区域文化旅游精品（客源互送、门票互认、线路互通）"}, {"45", "“文旅+”产业融合"},
	{"46", "文旅融合机制（高峰期大客流、安全预警）"}, {"47", "组织领导（半年滚动台账）"}, {"48", "问效考评（任务—分办—落实—跟踪—反馈—上报）"},
}

func questions() []*question {
	var all []*question
	for _, part := range [][]question{tourism(), tickets(), services(), parks(), targets(), environment(), economy()} {
		for i := range part {
			all = append(all, &part[i])
		}
	}
	return all
}

// document is docs/plan.md.
func document(all []*question, k *books) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# The plan's questions, and their answers

Written by `+"`make plan`"+`; edit nothing here. Each clause of 大足府发〔2023〕8号 that implies data, the dataset it leads to, and the command that
answers it, run against `+"`zida demo --until %s`"+` (%d records of both sides, all of them generated: 演示数据). Beside each answer of the hub
stands the same figure worked out by [deploy/lab/plan](../deploy/lab/plan) from the records that were pushed, without the hub: the last
revision counts, what was retracted is gone, decimals are exact. Ratios, which the hub answers as binary numbers, must be within two of the
nearest; they are shown to six places. A figure that differs makes the program fail.

To try: `+"`zida demo --until %s`"+` in one terminal, and in another each command with `+"`--data zida-demo`"+`. `+"`%s`"+` is the moment before the first
revision, which the demo prints; it differs from run to run.

The table gives the first figures of each answer, the hub's and the one worked out; the whole answers follow it.

| 条款 | 内容 | 数据集 | 问题 | 指标与命令 | 答案 / 重算 | 判定 |
| --- | --- | --- | --- | --- | --- | --- |
`, untilDay, k.pushed, untilDay, firstReports)
	for _, clause := range clauses {
		no, title := section(clause.no), clause.title
		for n, q := range all {
			if slices.Contains(q.clauses, clause.no) {
				fmt.Fprintf(&b, "| %s | %s | `%s` | [%s](#q%d) | `zida query %s` | %s | %s |\n", no, title, q.dataset, q.asks, n+1, q.command, q.sample(k, clause.no), q.verdict())
				no, title = "", "" // once
			}
		}
	}
	for n, q := range all {
		numbers := make([]string, len(q.clauses))
		for i, no := range q.clauses {
			numbers[i] = section(no)
		}
		fmt.Fprintf(&b, "\n<a id=\"q%d\"></a>\n\n## %d. %s\n\n%s · `%s` · %s\n\n```sh\nzida query %s\n```\n\n", n+1, n+1, q.asks, strings.Join(numbers, "、"), q.dataset, q.verdict(), q.command)
		q.grid(&b)
	}
	return b.Bytes()
}

func section(no string) string {
	if strings.HasPrefix(no, "（") {
		return no
	}
	return "§" + no
}

func (q *question) verdict() string {
	if len(q.differences) > 0 {
		return fmt.Sprintf("**不符 %d 处**", len(q.differences))
	}
	return "相符"
}

// sample is the first figure that is known, twice; of a question that several clauses
// ask, the first of each row that is the clause's own.
func (q *question) sample(k *books, clause string) string {
	var parts []string
	for _, row := range q.answer.Rows {
		key := q.key(row)
		dims := strings.Split(key, "\n")
		if q.belongs != nil && !q.belongs(k, clause, dims[0]) || len(parts) > 0 && q.belongs == nil {
			continue
		}
		for i, v := range q.mine.rows[key] {
			if c := q.answer.Columns[q.dims()+i]; v != nil {
				figure := theirs(c.Type, row[q.dims()+i])
				of := generated(strings.Join(dims, " "))
				if of != "" {
					of += "："
				}
				parts = append(parts, fmt.Sprintf("%s%s%s / %s", of, figure, c.Unit, exact(c.Type, figure, v)))
				break
			}
		}
	}
	if len(parts) == 0 {
		return "—"
	}
	return strings.Join(parts, "<br>")
}

// generated drops the mark of generated names, which the document's head bears for all.
func generated(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, demo.Mark, ""))
}

// grid is the whole answer, each figure of the hub with the one worked out here.
func (q *question) grid(b *bytes.Buffer) {
	dims := q.dims()
	for i, c := range q.answer.Columns {
		name := c.Label
		if c.Unit != "" {
			name += "（" + c.Unit + "）"
		}
		if i < dims {
			fmt.Fprintf(b, "| %s ", name)
		} else {
			fmt.Fprintf(b, "| %s | 重算 ", name)
		}
	}
	b.WriteString("|\n")
	for i := range q.answer.Columns {
		if b.WriteString("| --- "); i >= dims {
			b.Truncate(b.Len() - len("| --- "))
			b.WriteString("| ---: | ---: ")
		}
	}
	b.WriteString("|\n")
	for _, row := range q.answer.Rows {
		for _, v := range row[:dims] {
			fmt.Fprintf(b, "| %v ", generated(fmt.Sprint(v)))
		}
		mine := q.mine.rows[q.key(row)]
		for i, v := range row[dims:] {
			kind, own := q.answer.Columns[dims+i].Type, "无此行"
			figure := theirs(kind, v)
			if mine != nil {
				own = exact(kind, figure, mine[i])
			}
			fmt.Fprintf(b, "| %s | %s ", figure, own)
		}
		b.WriteString("|\n")
	}
}

// theirs is a figure of the hub's as the document shows it.
func theirs(kind string, v any) string {
	if v == nil {
		return "—"
	}
	text := fmt.Sprint(v)
	if kind == "number" {
		var f float64
		if _, err := fmt.Sscan(text, &f); err == nil {
			return fmt.Sprintf("%.6f", f)
		}
	}
	return text
}
