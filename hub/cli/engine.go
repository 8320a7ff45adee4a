package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/zida-hub/zida/analytics/engine"
)

// engineCommand looks after the embedded ClickHouse: its library in the user's cache.
func engineCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "engine",
		Short: "Install or inspect the embedded ClickHouse engine",
		Long: "The embedded engine is a library of about 540 MiB, kept once per user outside the program and its data.\n" +
			"It is not needed with --clickhouse and a server of your own.",
	}
	command.AddCommand(engineInstallCommand(), enginePathCommand(), engineInfoCommand(), engineRunCommand())
	return command
}

func engineInstallCommand() *cobra.Command {
	var opts engine.InstallOptions
	command := &cobra.Command{
		Use:   "install [FILE]",
		Short: "Fetch the engine through npm, or take its package from a file",
		Long: "Fetches the pinned package through npm, checks its SHA-512 and puts the library into the user's cache.\n" +
			"On a machine without npm, fetch the package elsewhere (`npm pack @chdb/lib-PLATFORM@" + engine.Version + "`) and name the file.",
		Args:    cobra.MaximumNArgs(1),
		Example: "  zida engine install\n  zida engine install chdb-lib-linux-x64-gnu-" + engine.Version + ".tgz",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.File = args[0]
			}
			opts.Out = cmd.ErrOrStderr()
			installed, err := engine.Install(cmd.Context(), opts)
			if err != nil {
				return err
			}
			state := "installed"
			if installed.Already {
				state = "already installed"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s (%d MiB)\n", state, installed.Path, installed.Size>>20)
			return nil
		},
	}
	command.Flags().StringVar(&opts.Integrity, "integrity", "", "the package's hash, sha512-BASE64, instead of the pinned one")
	command.Flags().BoolVar(&opts.Force, "force", false, "install again although it is there")
	return command
}

func enginePathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print the installed library's path",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := engine.Locate()
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}

type engineInfo struct {
	Version       string `json:"version"`
	Platform      string `json:"platform"`
	Library       string `json:"library"` // empty: not installed
	LibraryBytes  int64  `json:"library_bytes"`
	Confinement   string `json:"confinement"`
	MemoryBytes   int64  `json:"memory_bytes"` // what the engine may use on this machine by default
	Threads       int    `json:"threads"`
	ReaderSeconds int    `json:"reader_seconds"`
	ReaderBytes   int64  `json:"reader_bytes"`
}

func engineInfoCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "info",
		Short: "Say which engine is installed, its limits and how it is confined",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := gatherEngineInfo()
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(info)
			}
			info.print(cmd.OutOrStdout())
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func gatherEngineInfo() (engineInfo, error) {
	platform, err := engine.Platform()
	if err != nil {
		return engineInfo{}, err
	}
	limits := engine.DefaultLimits()
	info := engineInfo{
		Version: engine.Version, Platform: platform, Confinement: engine.Confinement(),
		MemoryBytes: limits.Memory, Threads: limits.Threads,
		ReaderSeconds: limits.ReaderSeconds(), ReaderBytes: limits.ReaderMemory,
	}
	if library, err := engine.Locate(); err == nil {
		info.Library = library
		if stat, err := os.Stat(library); err == nil {
			info.LibraryBytes = stat.Size()
		}
	}
	return info, nil
}

func (i engineInfo) print(out io.Writer) {
	library := "not installed: run `zida engine install`"
	if i.Library != "" {
		library = fmt.Sprintf("%s (%d MiB)", i.Library, i.LibraryBytes>>20)
	}
	fmt.Fprintf(out, "version      %s, %s\nlibrary      %s\nconfinement  %s\n", i.Version, i.Platform, library, i.Confinement)
	fmt.Fprintf(out, "limits here  %d MiB, %d threads; a reader's query %d s, %d MiB\n", i.MemoryBytes>>20, i.Threads, i.ReaderSeconds, i.ReaderBytes>>20)
}

// engineRunCommand is what the hub starts as its child; nobody runs it by hand.
func engineRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "run",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE:               func(_ *cobra.Command, args []string) error { return engine.RunChild(args) },
	}
}
