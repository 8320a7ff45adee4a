package demo

// singles push each redemption of a ticket, the other spots the day's sums.
var singles = map[string]bool{"500111-S05": true, "512021-S05": true}

func (w *World) writeSpots(side Side, out *rows) {
	for _, s := range w.spots {
		if side.speaksFor(s.ID) {
			w.writeSpot(s, s.daily*2/5, out)
		}
	}
}

func (w *World) writeSpot(s spot, instant int, out *rows) {
	reporting := "daily"
	if s.single {
		reporting = "single"
	}
	out.add("spot_id", s.ID, "name", s.Name+Mark, "region", s.Region, "instant_capacity", instant, "daily_capacity", s.daily,
		"ticket_price", fen(int64(s.price)*100), "ticket_reporting", reporting)
}

// reviseSpots sets the capacity of the largest spot anew.
func (w *World) reviseSpots(side Side, out *rows) {
	if side.Region == dazu {
		w.writeSpot(w.spots[0], w.spots[0].daily*9/20, out)
	}
}

type route struct {
	id, name, partner, theme string
	days, seats              int // no seats: nobody has said
	stops                    string
}

var routes = []route{
	{"500111-R01", "资足常乐石刻文化线", anyue, "rock_carving", 2, 45, "500111-S01;500111-S02;512021-S01;512021-S02"},
	{"500111-R02", "龙水湖生态观光线", yanjiang, "ecology", 1, 33, "500111-S06;512002-S01"},
	{"512021-R01", "安岳大足石窟研学线", dazu, "study", 2, 45, "512021-S01;512021-S03;500111-S01"},
	{"512022-R01", "陈毅故里红色印记线", dazu, "red", 1, 0, "512022-S01;500111-S07"},
}

func (w *World) writeRoutes(side Side, out *rows) {
	for _, t := range routes {
		if side.speaksFor(t.id) {
			out.add("route_id", t.id, "name", t.name+Mark, "region", t.id[:6], "partner_region", t.partner, "theme", t.theme,
				"days", t.days, "seats", some(t.seats), "stops", t.stops)
		}
	}
}

// some is a number, or nothing in place of zero.
func some(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

var stations = []struct{ id, name, kind string }{
	{"500111-A00", "大足区空气质量日均值", "city_mean"},
	{"500111-A01", "大足一号监测点", "city"}, {"500111-A02", "大足二号监测点", "city"}, {"500111-A03", "大足三号监测点", "city"},
	{"500111-A04", "大足区域监测点", "regional"},
	{"512002-A00", "雁江区空气质量日均值", "city_mean"}, {"512002-A01", "雁江一号监测点", "city"},
	{"512021-A01", "安岳一号监测点", "city"}, {"512021-A02", "安岳二号监测点", "city"},
	{"512022-A01", "乐至一号监测点", "city"}, {"512022-A02", "乐至路边监测点", "roadside"},
}

func (w *World) writeStations(side Side, out *rows) {
	for _, s := range stations {
		if side.speaksFor(s.id) {
			out.add("station_id", s.id, "name", s.name+Mark, "region", s.id[:6], "kind", s.kind, "control", "provincial")
		}
	}
}

var sections = []struct{ id, name, level, target, kind, river string }{
	{"500111-W01", "玉滩水库断面", "national", "III", "lake", "玉滩水库"}, {"500111-W02", "濑溪河上游断面", "national", "III", "river", "濑溪河"},
	{"500111-W03", "淮远河断面", "municipal", "III", "river", "淮远河"}, {"500111-W04", "苦水河断面", "municipal", "IV", "river", "苦水河"},
	{"500111-W05", "窟窿河断面", "other", "IV", "river", "窟窿河"},
	{"512002-W01", "沱江断面", "national", "III", "river", "沱江"}, {"512021-W01", "岳阳河断面", "municipal", "III", "river", "岳阳河"},
	{"512021-W02", "琼江断面", "national", "III", "river", "琼江"}, {"512022-W01", "阳化河断面", "municipal", "III", "river", "阳化河"},
	{"512022-W02", "蟠龙河断面", "other", "III", "river", "蟠龙河"},
}

func (w *World) writeSections(side Side, out *rows) {
	for _, s := range sections {
		if side.speaksFor(s.id) {
			out.add("section_id", s.id, "name", s.name+Mark, "region", s.id[:6], "level", s.level, "target_class", s.target,
				"water_kind", s.kind, "river", s.river)
		}
	}
}

// reservoir levels are metres × 100; the capacity is 万立方米.
type reservoir struct {
	id, name          string
	dead, limit, full int64
	capacity          int64
	season            [2]string
}

var reservoirs = []reservoir{
	{"500111-K01", "龙水湖", 33800, 35150, 35420, 1620, [2]string{}},
	{"500111-K02", "上游水库", 36210, 37430, 37690, 2140, [2]string{"05-01", "10-15"}},
	{"512021-K01", "书房坝水库", 30120, 31480, 31760, 3410, [2]string{}},
	{"512022-K01", "八角庙水库", 38800, 0, 40250, 1180, [2]string{}}, // nobody has pushed its limit
}

func (w *World) writeReservoirs(side Side, out *rows) {
	for _, k := range reservoirs {
		if !side.speaksFor(k.id) {
			continue
		}
		var limit, normal any
		if k.limit > 0 {
			limit, normal = fixed{k.limit, 2}, fixed{k.limit + 50, 2}
		}
		out.add("reservoir_id", k.id, "name", k.name+Mark, "region", k.id[:6], "scale", "medium", "capacity", fixed{k.capacity * 100, 2},
			"dead_level", fixed{k.dead, 2}, "flood_limit_level", limit, "normal_level", normal, "check_flood_level", fixed{k.full, 2},
			"flood_season_from", k.season[0], "flood_season_to", k.season[1])
	}
}
