//go:build no_ui

// Package dashboard is left empty by the tag no_ui.
package dashboard

import "io/fs"

// Files says that no page was built in.
func Files() (fs.FS, bool) { return nil, false }
