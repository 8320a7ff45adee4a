package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

var mapTable = &table{columns: []tableColumn{
	{"SOURCE", "source"}, {"APPROVAL", "approval"}, {"FEATURES", "features"}, {"POSITIONS", "positions"}, {"BYTES", "bytes"}, {"SHA256", "sha256"},
}}

func newAdminMap(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "map", Short: "The map that the page draws regions and spots on"}
	var source, approval string
	set := reasoned(&cobra.Command{
		Use:   "set FILE",
		Short: "Upload the map (the operator can)",
		Long: `Upload the map: GeoJSON, a FeatureCollection of Polygon, MultiPolygon or Point features, each with
properties.name and perhaps properties.code (GB/T 2260), in WGS-84, at most 512 KiB.
Its source and its approval number (审图号) stand below it.`,
		Example: "  zida admin map set outlines.geojson --source 市自然资源和规划局 --approval 审图号",
		Args:    argsAtLeast(1, "a GeoJSON file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if source == "" || approval == "" {
				return usage("zida admin map set needs --source and --approval, which stand below the map")
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return usage("the map cannot be read: %v", err)
			}
			data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // some programs begin with it
			if !json.Valid(data) {
				return usage("%s is not JSON\nexport the map as GeoJSON", args[0])
			}
			return s.admin(cmd.Context(), http.MethodPut, "/map", reason(cmd), map[string]any{"source": source, "approval": approval, "geojson": json.RawMessage(data)}, mapTable)
		},
	})
	set.Flags().StringVar(&source, "source", "", "where the outlines come from")
	set.Flags().StringVar(&approval, "approval", "", "approval number of the map (审图号)")
	cmd.AddCommand(set,
		&cobra.Command{Use: "show", Short: "Show what the map is; with --json all of it", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return s.showMap(cmd) }},
		reasoned(&cobra.Command{Use: "remove", Short: "Remove the map (the operator can)", Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				client, _, err := s.connect()
				if err != nil {
					return err
				}
				defer client.Close()
				if _, err := client.Admin(cmd.Context(), http.MethodDelete, "/map", reason(cmd), nil); err != nil {
					return err
				}
				if s.json {
					_, err = fmt.Fprintln(s.out, `{"removed":true}`)
					return err
				}
				s.say("the map is removed")
				return nil
			}}))
	return cmd
}

func (s *session) showMap(cmd *cobra.Command) error {
	client, _, err := s.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	raw, err := client.Map(cmd.Context())
	if err != nil {
		return err
	}
	if s.json {
		_, err = s.out.Write(append(bytes.TrimSpace(raw), '\n'))
		return err
	}
	var m struct {
		Source, Approval, Agency, At string
		UploadedBy                   string `json:"uploaded_by"`
		GeoJSON                      struct{ Features []json.RawMessage }
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "source    %s\napproval  %s\nuploaded  %s by %s (%s)\nfeatures  %d\n", m.Source, m.Approval, m.At, m.UploadedBy, m.Agency, len(m.GeoJSON.Features))
	return err
}
