package connectors

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/zida-hub/zida/schemas"
)

// Bounds of a file that is read, in bytes. The hub has limits of its own; these
// keep a damaged or hostile file from filling the sender's memory or disk.
const (
	maxRecord   = 1 << 20 // one record, as read and as written
	maxUnpacked = 4 << 30 // a file after gzip or zstd
	maxWorkbook = 1 << 30 // all parts of a workbook unzipped
)

// FileOptions say how a file becomes records of a contract.
type FileOptions struct {
	Contract *schemas.Contract
	Map      map[string]string // property → column heading (or JSON key)
	Set      map[string]string // property → the value of every record
	Ignore   []string          // column headings to leave out
	Sheet    string            // of a workbook; may be empty when it has one
	// Format is csv, xlsx, ndjson or json; empty: from the name and the first bytes.
	Format string
	// TempDir holds the converted copy until Close; empty: the system's.
	TempDir string
	// MaxWorkbook bounds a workbook's unzipped size; 0: 1 GiB.
	MaxWorkbook int64
	// MaxMend bounds the XML of a sheet that Mended marks; 0: 64 MiB.
	MaxMend int64
	// Collect goes on past cells that cannot be read and keeps them as faults, so
	// that all of them can be told at once.
	Collect bool
}

// FileError is a fault of a file: what, where, and the next step.
type FileError struct {
	File, Sheet string
	Line        int    // line of a text file, row number of a sheet; 0: the whole file
	Cell        string // of a sheet, such as B7
	Text        string
	Remedy      string
	// ZH and RemedyZH are the same in Chinese, for what people at desks meet.
	ZH, RemedyZH string
	Err          error
}

func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Sheet != "" {
		b.WriteString(" sheet " + e.Sheet)
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, " line %d", e.Line)
	}
	b.WriteString(": " + e.Text)
	if e.Remedy != "" {
		b.WriteString("\n" + e.Remedy)
	}
	return b.String()
}

func (e *FileError) Unwrap() error { return e.Err }

// The formats that can be read.
const (
	formatCSV    = "csv"
	formatXLSX   = "xlsx"
	formatNDJSON = "ndjson"
	formatJSON   = "json"
)

// source is a file that may be opened several times, unpacked on the way.
type source struct {
	path, packed, format string
	renamed              string // a note when the content is not what the name says
}

// inspect decides what a file is from its name and its first bytes.
func inspect(path, format string) (*source, error) {
	fail := func(text, remedy string, err error) (*source, error) {
		return nil, &FileError{File: path, Text: text, Remedy: remedy, Err: err}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail("there is no such file", "check the name; the working directory is where the command was started", err)
	case err != nil:
		return fail(err.Error(), "", err)
	case info.IsDir():
		return fail("is a directory", "name the files in it, such as "+filepath.Join(path, "*.csv"), nil)
	case info.Mode().IsRegular() && info.Size() == 0:
		return fail("the file is empty", "export it again; nothing was sent", nil)
	}
	s := &source{path: path}
	name := strings.ToLower(path)
	head, err := firstBytes(path)
	if err != nil {
		return fail(err.Error(), "", err)
	}
	switch {
	case strings.HasPrefix(head, "\x1f\x8b"):
		s.packed, name = "gzip", strings.TrimSuffix(name, ".gz")
	case strings.HasPrefix(head, "\x28\xb5\x2f\xfd"):
		s.packed, name = "zstd", strings.TrimSuffix(strings.TrimSuffix(name, ".zst"), ".zstd")
	case strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zst"):
		return fail("is not compressed as its name says", "export it again, or take the ending off its name", nil)
	}
	if s.packed != "" {
		if head, err = s.firstUnpacked(); err != nil {
			return nil, err
		}
	}
	s.format = formatOf(name)
	if format != "" {
		s.format = format
	}
	switch {
	case strings.HasPrefix(head, "\xd0\xcf\x11\xe0"):
		return nil, &FileError{File: path, Text: "is an old .xls workbook, or one with a password", Remedy: "open it and save it as an Excel workbook (.xlsx) without a password",
			ZH: "是旧版 .xls 工作簿，或设有打开密码", RemedyZH: "请打开后另存为不加密码的 Excel 工作簿（.xlsx）"}
	case strings.HasPrefix(head, "PK\x03\x04") && s.format != formatXLSX:
		s.renamed, s.format = "is a workbook by its content, whatever its name says", formatXLSX
	case s.format == formatXLSX && !strings.HasPrefix(head, "PK\x03\x04"):
		return nil, &FileError{File: path, Text: "is not an Excel workbook (.xlsx)", Remedy: "save it again as .xlsx; if it is text, name it .csv",
			ZH: "不是 Excel 工作簿（.xlsx）", RemedyZH: "请另存为 .xlsx；若是文本，请命名为 .csv"}
	case s.format == "":
		return fail("its format cannot be told from its name", "name it .csv, .xlsx, .ndjson or .json, or give --format", nil)
	}
	return s, nil
}

func formatOf(name string) string {
	switch filepath.Ext(name) {
	case ".csv", ".tsv", ".txt":
		return formatCSV
	case ".xlsx", ".xlsm":
		return formatXLSX
	case ".ndjson", ".jsonl":
		return formatNDJSON
	case ".json":
		return formatJSON
	}
	return ""
}

func firstBytes(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readHead(f)
}

func (s *source) firstUnpacked() (string, error) {
	r, err := s.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	head, err := readHead(r)
	if err != nil {
		return "", s.readError(err)
	}
	if head == "" {
		return "", &FileError{File: s.path, Text: "the file is empty", Remedy: "export it again; nothing was sent"}
	}
	return head, nil
}

func readHead(r io.Reader) (string, error) {
	var head [8]byte
	n, err := io.ReadFull(r, head[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && n > 0 {
		err = nil
	}
	return string(head[:n]), err
}

// open gives the file's bytes, unpacked.
func (s *source) open() (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, &FileError{File: s.path, Text: err.Error(), Err: err}
	}
	var r io.Reader
	switch s.packed {
	case "":
		return f, nil
	case "gzip":
		r, err = gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err == nil {
			return &unpacked{Reader: limited(z), file: f, done: z.Close}, nil
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, s.readError(err)
	}
	return &unpacked{Reader: limited(r), file: f}, nil
}

type unpacked struct {
	io.Reader
	file *os.File
	done func()
}

func (u *unpacked) Close() error {
	if u.done != nil {
		u.done()
	}
	return u.file.Close()
}

var errTooLarge = errors.New("unpacks to more than 4 GiB")

// limited fails, rather than ends, where the bound is passed.
func limited(r io.Reader) io.Reader {
	return io.MultiReader(io.LimitReader(r, maxUnpacked), failing{errTooLarge, r})
}

type failing struct {
	err  error
	rest io.Reader
}

func (f failing) Read([]byte) (int, error) {
	var one [1]byte
	if n, err := f.rest.Read(one[:]); n == 0 && err != nil {
		return 0, err
	}
	return 0, f.err
}

// readError says what a failed read of packed content means.
func (s *source) readError(err error) error {
	var fe *FileError
	if errors.As(err, &fe) {
		return err
	}
	out := &FileError{File: s.path, Text: err.Error(), Err: err}
	switch {
	case errors.Is(err, errTooLarge):
		out.Remedy = "split it into smaller files"
	case s.packed != "" && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		out.Text = "the " + s.packed + " file is cut short"
		out.Remedy = "copy or export it again; nothing was sent"
	case s.packed != "":
		out.Text = "the " + s.packed + " file is damaged: " + err.Error()
		out.Remedy = "copy or export it again; nothing was sent"
	}
	return out
}

// Convert reads a whole file and writes its records to a temporary copy, so that
// nothing is sent before the last line has been understood, every attempt sends
// the same bytes, and their digest is known beforehand. Memory stays bounded
// whatever the file's size. The caller closes the result.
func Convert(ctx context.Context, path string, opt FileOptions) (*Converted, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	s, err := inspect(path, opt.Format)
	if err != nil {
		return nil, err
	}
	out, err := newConverted(path, s.format, opt.TempDir)
	if err != nil {
		return nil, err
	}
	out.opt, out.collect = opt, opt.Collect
	if s.renamed != "" {
		out.note("%s %s", path, s.renamed)
	}
	switch s.format {
	case formatCSV:
		err = convertCSV(ctx, s, &opt, out)
	case formatXLSX:
		err = convertXLSX(ctx, s, &opt, out)
	case formatNDJSON:
		err = convertNDJSON(ctx, s, &opt, out)
	default:
		err = convertJSON(ctx, s, &opt, out)
	}
	if err == nil && out.Records == 0 {
		err = &FileError{File: path, Sheet: out.Sheet, Text: "holds no records", Remedy: "export it again; nothing was sent",
			ZH: "没有数据，只有表头", RemedyZH: "请在表头之下填写后再报送"}
	}
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		_ = out.Close()
		return nil, s.readError(err)
	}
	return out, nil
}
