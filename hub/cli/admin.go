package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func newAdmin(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Register agencies, clients and users, read the audit record",
		Example: "  zida admin agency add --id dazu-wlj --name 大足区文化和旅游发展委员会 --region 500111 --data ./data\n" +
			"  zida admin client add --agency dazu-wlj --scope push:tourism_flow --scope query --data ./data --json\n" +
			"  zida admin user add --id dazu.lin --role steward --agency dazu-wlj --data ./data",
	}
	cmd.AddCommand(newAdminAgency(s), newAdminClient(s), newAdminUser(s), newAdminContract(s), newAdminMap(s), newAdminLog(s))
	return cmd
}

// admin makes one call of the admin API and prints the answer.
func (s *session) admin(ctx context.Context, method, path string, query url.Values, body any, table *table) error {
	client, _, err := s.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	raw, err := client.Admin(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	if s.json || table == nil {
		return s.printIndented(raw)
	}
	return table.print(s.out, raw)
}

func (s *session) printIndented(raw json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		b.Reset()
		b.Write(raw)
	}
	b.WriteByte('\n')
	_, err := s.out.Write(b.Bytes())
	return err
}

var agencyTable = &table{list: "agencies", columns: []tableColumn{
	{"ID", "id"}, {"NAME", "name"}, {"REGIONS", "regions"}, {"CLEARANCE", "clearance"}, {"DISABLED", "disabled"},
}}

// reasoned adds --reason, which both sides read in the audit record.
func reasoned(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("reason", "", "why, kept in the audit record that both sides can read")
	return cmd
}

func reason(cmd *cobra.Command) url.Values {
	if v, err := cmd.Flags().GetString("reason"); err == nil && v != "" {
		return url.Values{"reason": {v}}
	}
	return nil
}

func newAdminAgency(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "agency", Short: "Agencies"}
	var id, name, clearance string
	var regions, scopes []string
	add := &cobra.Command{
		Use:     "add",
		Short:   "Register an agency (the operator can)",
		Example: "  zida admin agency add --id dazu-wlj --name 大足区文化和旅游发展委员会 --region 500111",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if id == "" || name == "" || len(regions) == 0 {
				return usage("zida admin agency add needs --id, --name and at least one --region")
			}
			body := map[string]any{"id": id, "name": name, "regions": regions}
			optional(body, "scopes", scopes)
			optional(body, "clearance", clearance)
			return s.admin(cmd.Context(), http.MethodPost, "/agencies", reason(cmd), body, agencyTable)
		},
	}
	f := add.Flags()
	f.StringVar(&id, "id", "", "id: small letters, digits and -")
	f.StringVar(&name, "name", "", "full name")
	f.StringArrayVar(&regions, "region", nil, "GB/T 2260 code it answers for (repeatable); 512000 covers 5120xx")
	f.StringArrayVar(&scopes, "scope", nil, "bound on its clients' scopes (repeatable; default: none)")
	f.StringVar(&clearance, "clearance", "", "highest level it may read: public, internal, sensitive or core")
	cmd.AddCommand(reasoned(add))
	cmd.AddCommand(&cobra.Command{Use: "list", Short: "List the agencies", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.admin(cmd.Context(), http.MethodGet, "/agencies", nil, nil, agencyTable)
		}})
	for verb, short := range map[string]string{"disable": "End all its clients and their tokens", "enable": "Undo a disable"} {
		cmd.AddCommand(reasoned(&cobra.Command{Use: verb + " ID", Short: short, Args: argsAtLeast(1, "an agency's id"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return s.admin(cmd.Context(), http.MethodPost, "/agencies/"+url.PathEscape(args[0])+"/"+verb, reason(cmd), nil, agencyTable)
			}}))
	}
	return cmd
}

// optional sets a member that was given.
func optional[T string | []string](body map[string]any, name string, v T) {
	if len(v) > 0 {
		body[name] = v
	}
}

var clientTable = &table{list: "clients", columns: []tableColumn{
	{"ID", "id"}, {"AGENCY", "agency"}, {"NAME", "name"}, {"SCOPES", "scopes"}, {"CLEARANCE", "clearance"}, {"DISABLED", "disabled"},
}}

func newAdminClient(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "client", Short: "Clients of an agency"}
	cmd.AddCommand(newClientAdd(s))
	var agency string
	list := &cobra.Command{Use: "list", Short: "List clients", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if agency != "" {
				query.Set("agency", agency)
			}
			return s.admin(cmd.Context(), http.MethodGet, "/clients", query, nil, clientTable)
		}}
	list.Flags().StringVar(&agency, "agency", "", "of this agency only")
	cmd.AddCommand(list)
	verbs := []struct{ name, path, short string }{
		{"disable", "disable", "Disable a client; its tokens end within 5 s"},
		{"enable", "enable", "Enable a client again"},
		{"revoke", "revoke-tokens", "End every token of a client"},
	}
	for _, v := range verbs {
		cmd.AddCommand(reasoned(&cobra.Command{Use: v.name + " ID", Short: v.short, Args: argsAtLeast(1, "a client's id"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return s.admin(cmd.Context(), http.MethodPost, "/clients/"+url.PathEscape(args[0])+"/"+v.path, reason(cmd), nil, clientTable)
			}}))
	}
	var overlap int
	rotate := reasoned(&cobra.Command{Use: "rotate ID", Short: "Give a client a new secret, shown once", Args: argsAtLeast(1, "a client's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := reason(cmd)
			if query == nil {
				query = url.Values{}
			}
			if overlap > 0 {
				query.Set("overlap_hours", strconv.Itoa(overlap))
			}
			return s.secretOnce(cmd.Context(), "/clients/"+url.PathEscape(args[0])+"/secret", query, nil)
		}})
	rotate.Flags().IntVar(&overlap, "overlap-hours", 0, "how long the old secret works on")
	cmd.AddCommand(rotate)
	return cmd
}

func newClientAdd(s *session) *cobra.Command {
	var agency, name, clearance, key string
	var scopes []string
	add := reasoned(&cobra.Command{
		Use:   "add",
		Short: "Make a client; its secret is shown once",
		Example: "  zida admin client add --agency dazu-wlj --scope push:tourism_flow --scope query\n" +
			"  zida admin client add --scope push:* --public-key gate.pub.pem",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(scopes) == 0 {
				return usage("zida admin client add needs at least one --scope: push:DATASET, push:*, read:DATASET, read:*, query, admin or audit")
			}
			body := map[string]any{"scopes": scopes}
			optional(body, "agency", agency)
			optional(body, "name", name)
			optional(body, "clearance", clearance)
			if key != "" {
				data, err := os.ReadFile(key)
				if err != nil {
					return usage("the public key cannot be read: %v", err)
				}
				if text := strings.TrimSpace(string(data)); strings.HasPrefix(text, "{") {
					body["public_key"] = json.RawMessage(text)
				} else {
					body["public_key"] = text
				}
			}
			return s.secretOnce(cmd.Context(), "/clients", reason(cmd), body)
		},
	})
	f := add.Flags()
	f.StringVar(&agency, "agency", "", "the agency it belongs to (default: your own)")
	f.StringVar(&name, "name", "", "what it is for")
	f.StringArrayVar(&scopes, "scope", nil, "push:DATASET, push:*, read:DATASET, read:*, query, admin or audit (repeatable)")
	f.StringVar(&clearance, "clearance", "", "highest level it may read: public, internal (default), sensitive or core")
	f.StringVar(&key, "public-key", "", "PEM or JWK file; the client then logs in by private_key_jwt and has no secret")
	return add
}

// secretOnce prints what is shown once: {client_id, client_secret} with --json.
func (s *session) secretOnce(ctx context.Context, path string, query url.Values, body any) error {
	client, who, err := s.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	raw, err := client.Admin(ctx, http.MethodPost, path, query, body)
	if err != nil {
		return err
	}
	var c credentials
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	if s.json {
		out := map[string]string{"client_id": c.ClientID}
		optionalText(out, "client_secret", c.ClientSecret)
		return json.NewEncoder(s.out).Encode(out)
	}
	if c.ClientSecret == "" {
		_, err = fmt.Fprintf(s.out, "client_id      %s\n", c.ClientID)
		return err
	}
	if _, err = fmt.Fprintf(s.out, "client_id      %s\nclient_secret  %s\n", c.ClientID, c.ClientSecret); err != nil {
		return err
	}
	s.say("the secret is not shown again; its owner keeps it with: zida login --url %s --client-id %s", who.URL, c.ClientID)
	return nil
}

func optionalText(m map[string]string, name, v string) {
	if v != "" {
		m[name] = v
	}
}

var actTable = &table{list: "acts", columns: []tableColumn{
	{"NO", "sequence"}, {"AT", "at"}, {"AGENCY", "actor_agency"}, {"CLIENT", "actor"}, {"ACTION", "action"}, {"OBJECT", "object"}, {"REASON", "reason"},
}}

func newAdminLog(s *session) *cobra.Command {
	var after, limit int
	cmd := &cobra.Command{
		Use:     "log",
		Short:   "Read the audit record: every act of every admin, oldest first",
		Example: "  zida admin log --after 120",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"after": {strconv.Itoa(after)}, "limit": {strconv.Itoa(limit)}}
			return s.admin(cmd.Context(), http.MethodGet, "/acts", query, nil, actTable)
		},
	}
	cmd.Flags().IntVar(&after, "after", 0, "start after this number")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many, up to 1000")
	return cmd
}
