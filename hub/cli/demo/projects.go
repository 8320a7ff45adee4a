package demo

import (
	"fmt"
	"time"
)

type project struct {
	region, id, clause, name, owner, partner string
	start, length                            int   // halves since the first of the demo
	total                                    int64 // 万元; 0: a task without money
}

var projects = []project{
	{dazu, "01-001", "1", "龙水湖国家级旅游度假区创建", "大足区文化和旅游发展委员会", "", 0, 6, 86000},
	{dazu, "01-002", "2", "石窟寺保护利用国际交流基地", "大足石刻研究院", anyue, 1, 5, 32000},
	{dazu, "02-001", "6", "大足石刻站站前广场", "大足区住房和城乡建设委员会", "", 0, 5, 54000},
	{dazu, "03-001", "9", "大足至安岳高速公路", "大足区交通运输委员会", anyue, 1, 9, 680000},
	{dazu, "03-002", "11", "三驱水厂扩建", "大足区水利局", "", 0, 4, 12500},
	{dazu, "04-001", "12", "川渝产业合作示范园区", "大足高新区管委会", ziyang, 0, 8, 210000},
	{dazu, "04-002", "13", "江西环锂电池综合利用", "双桥经开区管委会", "", 2, 4, 50000},
	{dazu, "06-001", "21", "濑溪河流域水环境治理", "大足区生态环境局", "", 0, 7, 41000},
	{dazu, "07-001", "27", "经济统计分算办法", "大足区统计局", ziyang, 0, 3, 0},
	{dazu, "08-001", "33", "黑山羊供种基地", "大足区农业农村委员会", lezhi, 1, 6, 18000},
	{dazu, "09-001", "37", "异地就医门诊直接结算", "大足区医疗保障局", ziyang, 0, 2, 0},
	{dazu, "10-001", "42", "川渝石窟寺国家遗址公园", "大足区文化和旅游发展委员会", anyue, 0, 8, 96000},
	{dazu, "10-002", "43", "“资足常乐”乡村旅游走廊", "大足区文化和旅游发展委员会", anyue, 1, 5, 23000},
	{dazu, "10-003", "46", "旅游突发事件联动机制", "大足区文化和旅游发展委员会", ziyang, 2, 2, 0},
	{ziyang, "01-001", "44", "资大精品线路共推", "资阳市文化广播电视和旅游局", dazu, 0, 4, 0},
	{ziyang, "03-001", "9", "资阳经安岳至大足快速通道", "资阳市交通运输局", dazu, 1, 8, 320000},
	{ziyang, "04-001", "12", "资阳高新区配套园", "资阳高新区管委会", dazu, 2, 5, 74000},
	{ziyang, "07-001", "27", "跨行政区财政协同投入", "资阳市财政局", dazu, 0, 5, 0},
	{anyue, "08-001", "33", "国家柠檬产业集群", "安岳县农业农村局", dazu, 0, 6, 65000},
	{anyue, "10-001", "42", "安岳石窟保护利用", "安岳县文物局", dazu, 0, 7, 38000},
	{anyue, "10-002", "45", "柠檬文旅小镇", "安岳县文化广播电视和旅游局", "", 3, 3, 21000},
	{lezhi, "08-001", "33", "黑山羊标准化养殖", "乐至县农业农村局", dazu, 1, 4, 9000},
	{lezhi, "10-001", "44", "陈毅故里提升", "乐至县文化广播电视和旅游局", "", 0, 5, 15000},
}

var stages = []string{"assigned", "carrying_out", "tracking", "feedback", "reported"}

// halves are the ledger's, from the first whole one; the last is running.
func (w *World) halves() []time.Time {
	var out []time.Time
	for h := time.Date(w.from.Year()+1, 1, 1, 0, 0, 0, 0, shanghai); !h.After(w.today); h = h.AddDate(0, 6, 0) {
		out = append(out, h)
	}
	return out
}

func (w *World) writeProjects(side Side, out *rows) { w.ledger(side, false, out) }

// reviseProjects is the running half as it stands today; the first submission had it
// as of a month before.
func (w *World) reviseProjects(side Side, out *rows) { w.ledger(side, true, out) }

func (w *World) ledger(side Side, later bool, out *rows) {
	all := w.halves()
	for _, p := range projects {
		for n, half := range all {
			end, running := half.AddDate(0, 6, 0), n == len(all)-1
			at := n - p.start
			if !side.speaksFor(p.region) || at < 0 || at > p.length || later && !running {
				continue
			}
			r := seeded("project", p.region, p.id, n)
			reported := end.AddDate(0, 0, -1-r.IntN(12))
			if running {
				reported = w.ago(1)
				if !later {
					reported = w.ago(31)
				}
			}
			slow := seeded("slow", p.region, p.id).IntN(4) == 0
			progress := int64(at) * 10000 / int64(p.length)
			if slow {
				progress = progress * 8 / 10
			}
			if later && progress > 0 {
				progress = min(progress+400, 9900)
			}
			stage := stages[min(3, at*4/p.length)]
			if at > 0 && stage == "assigned" {
				stage = stages[1]
			}
			due, problem := end.AddDate(0, 1, -1), ""
			if slow || r.IntN(6) == 0 {
				due, problem = half.AddDate(0, 3, r.IntN(60)), "用地、资金待两地协调"+Mark
			}
			var done, total, spent any
			if at == p.length && !slow {
				stage, progress = "reported", 10000
				done = day(reported.AddDate(0, 0, -3))
			}
			if p.total > 0 {
				total = fen(p.total * 1_000_000)
				spent = fen(p.total * progress * 95)
			}
			out.add("region", p.region, "project_id", p.id, "half", fmt.Sprintf("%d-H%d", half.Year(), (int(half.Month())+5)/6), "name", p.name+Mark, "action", p.id[:2], "clause", p.clause,
				"partner_region", p.partner, "stage", stage, "owner", p.owner, "due_date", day(due), "done_on", done, "progress", fixed{progress, 2},
				"total_investment", total, "completed_investment", spent, "reported_on", day(reported), "problem", problem)
		}
	}
}
