package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

var submissionTable = &table{list: "submissions", columns: []tableColumn{
	{"SUBMISSION", "submission"}, {"DATASET", "dataset"}, {"AGENCY", "agency"}, {"STATE", "state"}, {"KIND", "kind"}, {"ACCEPTED", "accepted"}, {"REJECTED", "rejected"},
	{"MENDS", "mends"}, {"RECEIVED AT", "received_at"},
}}

func newSubmission(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "submission",
		Short: "List submissions, show one, get its rejected records to mend",
		Example: "  zida submission list --dataset tourism_flow\n  zida submission show 42-7\n" +
			"  zida submission errors 42-7 > to-mend.ndjson\n  zida push tourism_flow to-mend.ndjson --mends 42-7",
	}
	var dataset string
	var limit int
	list := &cobra.Command{Use: "list", Short: "List your agency's submissions, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if dataset != "" {
				query.Set("dataset", dataset)
			}
			raw, err := client.Submissions(cmd.Context(), query)
			if err != nil {
				return err
			}
			if s.json {
				return s.printIndented(raw)
			}
			return submissionTable.print(s.out, raw)
		}}
	list.Flags().StringVar(&dataset, "dataset", "", "of this dataset only")
	list.Flags().IntVar(&limit, "limit", 20, "how many")
	show := &cobra.Command{Use: "show SUBMISSION", Short: "Show how far a submission has come, and what it mends or is mended by",
		Args: argsAtLeast(1, "a submission, such as 42-7"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			raw, err := client.Submission(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return s.printIndented(raw)
		}}
	rejected := &cobra.Command{
		Use:   "errors SUBMISSION",
		Short: "Write a partial push's rejected records, as they came, to standard output; their reasons to standard error",
		Long: `Write a partial push's rejected records, as they came, to standard output, and their reasons to standard error.

Mend the records and push them again with --mends SUBMISSION: the two submissions are then linked.`,
		Args: argsAtLeast(1, "a submission, such as 42-7"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := s.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			n, masked := 0, 0
			for cursor := ""; ; {
				page, next, err := client.SubmissionErrors(cmd.Context(), args[0], cursor)
				if err != nil {
					return err
				}
				for _, e := range page {
					n++
					if s.json {
						if err := json.NewEncoder(s.out).Encode(e); err != nil {
							return err
						}
						continue
					}
					s.say("%s", rowText(&e.RowError))
					if e.Masked {
						masked++
						continue
					}
					if _, err := fmt.Fprintln(s.out, e.Record); err != nil {
						return err
					}
				}
				if cursor = next; cursor == "" {
					break
				}
			}
			if n == 0 {
				s.say("submission %s has no rejected records", args[0])
			}
			if masked > 0 {
				s.say("%d of the records are above your clearance, or not yours to read, and were not written", masked)
			}
			return nil
		},
	}
	cmd.AddCommand(list, show, rejected)
	return cmd
}
