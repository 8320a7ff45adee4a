package schemas

import "testing"

func TestCoversRegion(t *testing.T) {
	f := func(code string, want bool, regions ...string) {
		t.Helper()
		if got := CoversRegion(regions, code); got != want {
			t.Errorf("CoversRegion(%q, %q) = %v", regions, code, got)
		}
	}
	f("500111", true, "500111")
	f("500112", false, "500111")
	f("512000", true, "512000")
	f("512021", true, "512000")
	f("512021", true, "500111", "512000")
	f("512121", false, "512000") // another prefecture
	f("512000", false, "512021") // a county does not cover its city
	f("500111", true, "500000")
	f("500000", true, "500000")
	f("510000", false, "500000")
	f("512021", true, "510000")
	f("500111", false)
	// What is no code is covered by nothing, not even by itself.
	f("", false, "")
	f("51202", false, "512000")
	f("5120211", false, "512000")
	f("51202x", false, "512000", "51202x")
	f("512021", false, "5120", "51", "*")
	f("500100", false, "500000x")
}

func TestSide(t *testing.T) {
	f := func(want string, regions ...string) {
		t.Helper()
		if got := Side(regions); got != want {
			t.Errorf("Side(%q) = %q, want %q", regions, got, want)
		}
	}
	f("Chongqing", "500111")
	f("Sichuan", "512000", "512021")
	f("both", "500111", "512000")
	f("both", "512000", "110000", "500111")
	f("", "110000")
	f("")
}
