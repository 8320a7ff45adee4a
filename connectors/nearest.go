package connectors

import "strings"

// Nearest answers the candidate that a mistyped name most likely meant, or "".
// Close is an edit distance of at most a third of the longer name.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", 1<<30
	for _, c := range candidates {
		d := distance(strings.ToLower(name), strings.ToLower(c))
		longest := max(len([]rune(name)), len([]rune(c)))
		if d <= max(1, longest/3) && d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is Levenshtein's, in characters.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, ca := range from {
		last := row[0]
		row[0] = i + 1
		for j, cb := range to {
			cost := last
			if ca != cb {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
