package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func newToken(s *session) *cobra.Command {
	var scopes []string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an access token, for curl and other programs",
		Example: "  curl -H \"Authorization: Bearer $(zida token)\" $ZIDA_URL/v1/datasets\n" +
			"  zida token --scope push:tourism_flow --json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			token, err := client.Token(cmd.Context(), scopes...)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(s.out).Encode(token) //nolint:gosec // printing the token is what the command is for
			}
			_, err = fmt.Fprintln(s.out, token.AccessToken)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "narrow the token to this scope (repeatable)")
	return cmd
}
