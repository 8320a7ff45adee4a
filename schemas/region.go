package schemas

import "strings"

// CoversRegion reports whether one of regions covers the GB/T 2260 code: the code
// itself, a prefecture (512000 covers 5120xx) or a province (500000 covers 50xxxx).
func CoversRegion(regions []string, code string) bool {
	if !isRegionCode(code) {
		return false
	}
	for _, region := range regions {
		switch {
		case !isRegionCode(region):
		case region == code,
			region[2:] == "0000" && region[:2] == code[:2],
			region[4:] == "00" && region[2:4] != "00" && region[:4] == code[:4]:
			return true
		}
	}
	return false
}

// The two sides of the pilot, by the first two digits of their codes.
const (
	SideChongqing = "Chongqing"
	SideSichuan   = "Sichuan"
	SideBoth      = "both"
)

// Side names the side that regions belong to: Chongqing (50…), Sichuan (51…),
// both (the operator), or "" when they belong to neither.
func Side(regions []string) string {
	side := ""
	for _, region := range regions {
		of := ""
		switch {
		case strings.HasPrefix(region, "50"):
			of = SideChongqing
		case strings.HasPrefix(region, "51"):
			of = SideSichuan
		default:
			continue
		}
		if side != "" && side != of {
			return SideBoth
		}
		side = of
	}
	return side
}

// isRegionCode reports whether code has the shape of a GB/T 2260 code: six digits.
func isRegionCode(code string) bool {
	if len(code) != 6 {
		return false
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return false
		}
	}
	return true
}
