// Package pinned names the engine's npm packages, one a platform, each at one version and with the hash of its tarball.
package pinned

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed packages.json
var file []byte

// Package is one platform's tarball. Where Integrity is empty nobody has pinned that platform yet: the one who installs must give the hash.
type Package struct {
	Name        string `json:"name"`        // on npm
	Integrity   string `json:"integrity"`   // of the tarball, as npm's dist.integrity: sha512- and base64 (W3C Subresource Integrity)
	Size        int64  `json:"size"`        // of the tarball, bytes
	LibrarySize int64  `json:"librarySize"` // of the library in it, bytes
}

// Packages are all platforms' packages, at Version.
type Packages struct {
	Version  string             `json:"version"`
	Packages map[string]Package `json:"packages"`
}

// Load reads the file that is built into the program.
func Load() (Packages, error) {
	var packages Packages
	if err := json.Unmarshal(file, &packages); err != nil {
		return Packages{}, fmt.Errorf("deploy/engine/packages.json: %w", err)
	}
	return packages, nil
}
