//go:build !linux

package engine

func landlockVersion() int { return 0 }

func confine(string, string, []uint16) (int, error) { return 0, errNoLandlock }
