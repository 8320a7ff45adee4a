package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

var userTable = &table{list: "users", columns: []tableColumn{
	{"ID", "id"}, {"AGENCY", "agency"}, {"NAME", "name"}, {"ROLE", "role"}, {"CLEARANCE", "clearance"}, {"DISABLED", "disabled"}, {"MUST CHANGE", "must_change"},
}}

func newAdminUser(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "People who log in on the page"}
	cmd.AddCommand(newUserAdd(s), newUserSet(s), newUserReset(s))
	var agency string
	list := &cobra.Command{Use: "list", Short: "List users", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if agency != "" {
				query.Set("agency", agency)
			}
			return s.admin(cmd.Context(), http.MethodGet, "/users", query, nil, userTable)
		}}
	list.Flags().StringVar(&agency, "agency", "", "of this agency only")
	cmd.AddCommand(list)
	verbs := []struct{ name, short string }{
		{"disable", "Disable a user; the sessions end within 5 s"},
		{"enable", "Enable a user again"},
		{"end-sessions", "End every session of a user"},
	}
	for _, v := range verbs {
		cmd.AddCommand(reasoned(&cobra.Command{Use: v.name + " ID", Short: v.short, Args: argsAtLeast(1, "a user's id"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return s.admin(cmd.Context(), http.MethodPost, "/users/"+url.PathEscape(args[0])+"/"+v.name, reason(cmd), nil, userTable)
			}}))
	}
	return cmd
}

// userFlags are what a user is, beside the id.
type userFlags struct{ name, role, clearance string }

func (u *userFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&u.name, "name", "", "the person's name")
	f.StringVar(&u.role, "role", "", "viewer, analyst, steward (also pushes and reads the audit record) or admin (also manages clients and users)")
	f.StringVar(&u.clearance, "clearance", "", "highest level to be read: public, internal (the most of a viewer, and what is set unless said), sensitive or core")
}

func (u *userFlags) into(body map[string]any) {
	optional(body, "name", u.name)
	optional(body, "role", u.role)
	optional(body, "clearance", u.clearance)
}

func newUserAdd(s *session) *cobra.Command {
	var id, agency string
	var u userFlags
	var fromStdin bool
	add := reasoned(&cobra.Command{
		Use:   "add",
		Short: "Make a user; the password is shown once",
		Example: "  zida admin user add --id dazu.lin --name 林 --role steward --agency dazu-wlj\n" +
			"  zida admin user add --id dazu.lin --role viewer --password-stdin < password",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if id == "" || u.role == "" {
				return usage("zida admin user add needs --id and --role: viewer, analyst, steward or admin")
			}
			body := map[string]any{"id": id}
			optional(body, "agency", agency)
			u.into(body)
			return s.passwordOnce(cmd.Context(), "/users", reason(cmd), body, fromStdin)
		},
	})
	add.Flags().StringVar(&id, "id", "", "id: 3 to 40 small letters, digits, dots and -")
	add.Flags().StringVar(&agency, "agency", "", "the agency it belongs to (default: your own)")
	u.add(add)
	passwordFlag(add, &fromStdin)
	return add
}

func newUserSet(s *session) *cobra.Command {
	var u userFlags
	set := reasoned(&cobra.Command{
		Use:     "set ID",
		Short:   "Change a user's name, role or clearance; it binds at once",
		Example: "  zida admin user set dazu.lin --role analyst --clearance sensitive",
		Args:    argsAtLeast(1, "a user's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{}
			u.into(body)
			if len(body) == 0 {
				return usage("zida admin user set needs --name, --role or --clearance")
			}
			return s.admin(cmd.Context(), http.MethodPatch, "/users/"+url.PathEscape(args[0]), reason(cmd), body, userTable)
		},
	})
	u.add(set)
	return set
}

func newUserReset(s *session) *cobra.Command {
	var fromStdin bool
	reset := reasoned(&cobra.Command{
		Use:   "reset ID",
		Short: "Give a user a new password, shown once; every session ends",
		Args:  argsAtLeast(1, "a user's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.passwordOnce(cmd.Context(), "/users/"+url.PathEscape(args[0])+"/password", reason(cmd), map[string]any{}, fromStdin)
		},
	})
	passwordFlag(reset, &fromStdin)
	return reset
}

// passwordFlag lets a password be given, but never as an argument: those stay in the
// shell's history and are seen by everybody on the machine.
func passwordFlag(cmd *cobra.Command, fromStdin *bool) {
	cmd.Flags().BoolVar(fromStdin, "password-stdin", false, "read the password from standard input, 12 to 128 characters (default: one is generated)")
}

// userPassword is what is shown once.
type userPassword struct {
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Password string `json:"password"`
}

// passwordOnce prints {user, password} with --json; no password when it was given.
func (s *session) passwordOnce(ctx context.Context, path string, query url.Values, body map[string]any, fromStdin bool) error {
	if fromStdin {
		password, err := s.readHidden("password: ")
		if err != nil {
			return err
		}
		if password == "" {
			return usage("no password was given: type it, or pipe it in")
		}
		body["password"] = password
	}
	client, who, err := s.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	raw, err := client.Admin(ctx, http.MethodPost, path, query, body)
	if err != nil {
		return err
	}
	var made userPassword
	if err := json.Unmarshal(raw, &made); err != nil {
		return err
	}
	if s.json {
		out := map[string]string{"user": made.User.ID}
		optionalText(out, "password", made.Password)
		return json.NewEncoder(s.out).Encode(out)
	}
	if _, err := fmt.Fprintf(s.out, "user      %s\n", made.User.ID); err != nil {
		return err
	}
	if made.Password != "" {
		if _, err := fmt.Fprintf(s.out, "password  %s\n", made.Password); err != nil {
			return err
		}
		s.say("the password is not shown again")
	}
	s.say("it must be changed at the first log-in, at %s", who.URL)
	return nil
}
