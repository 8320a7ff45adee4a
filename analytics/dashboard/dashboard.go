//go:build !no_ui

// Package dashboard embeds the page of the joint picture, as vite builds it into dist.
package dashboard

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var embedded embed.FS

// Files is what was built; false when only the folder's README was there to embed.
func Files() (fs.FS, bool) {
	files, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(files, "index.html")
	return files, err == nil
}
