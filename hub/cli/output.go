package cli

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// outputFlags say in which format an answer is written, and where.
type outputFlags struct {
	format, out, headings string
}

var outputFormats = []string{"csv", "ndjson", "json", "xlsx", "parquet"}

func (o *outputFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", "", "csv, ndjson, json, xlsx or parquet (default: by the name given with --out)")
	f.StringVarP(&o.out, "out", "o", "", "file to write; it is there when it is whole, and not before")
	f.StringVar(&o.headings, "headings", "", "of csv: name, or label for labels with units")
}

// resolve settles the format; "" where none was asked for.
func (o *outputFlags) resolve() error {
	if o.format == "" && o.out != "" {
		o.format = strings.TrimPrefix(strings.ToLower(filepath.Ext(o.out)), ".")
	}
	if o.format == "" {
		return nil
	}
	if !slices.Contains(outputFormats, o.format) {
		return usage("%q is not a format; use one of %s with --format", o.format, strings.Join(outputFormats, ", "))
	}
	return nil
}

// form is what the hub is told about it. CSV gets its byte order mark in files, for
// Excel; programs at the other end of a pipe would take it for a part of a name.
func (o *outputFlags) form() url.Values {
	form := url.Values{"format": {o.format}}
	if o.format == "csv" && o.out == "" {
		form.Set("bom", "false")
	}
	if o.headings != "" {
		form.Set("headings", o.headings)
	}
	return form
}

// write hands the place to ask: standard output, or a file that takes its name when
// it is whole.
func (s *session) write(o *outputFlags, ask func(io.Writer) error) error {
	if o.out == "" {
		if (o.format == "xlsx" || o.format == "parquet") && terminal(s.out) {
			return usage("%s is not for a terminal; name a file with --out FILE.%s", o.format, o.format)
		}
		return ask(s.out)
	}
	file, err := os.CreateTemp(filepath.Dir(o.out), "."+filepath.Base(o.out)+"-*")
	if err != nil {
		return usage("%s cannot be written: %v", o.out, err)
	}
	defer os.Remove(file.Name()) // gone by then when all went well
	err = ask(file)
	if closing := file.Close(); err == nil && closing != nil {
		err = fmt.Errorf("%s: %w", o.out, closing)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), o.out); err != nil {
		return fmt.Errorf("%s: %w", o.out, err)
	}
	if info, err := os.Stat(o.out); err == nil {
		s.say("wrote %s, %d bytes", o.out, info.Size())
	}
	return nil
}
