package cli

import (
	"context"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// A view is a command that shows what the running door says, as text or as JSON.
type view[T any] struct {
	where stateFlag
	// ask asks the door that owns the socket.
	ask func(ctx context.Context, socket string) (T, error)
	// text writes the answer for a person.
	text func(T) error
}

// on makes cmd show the view, with the flags that this takes.
func (v *view[T]) on(cmd *cobra.Command, s Streams) {
	var format string
	v.where.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := textOrJSON(format); err != nil {
			return err
		}
		return v.where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
			answer, err := v.ask(ctx, socket)
			if err != nil {
				return err
			}
			return shown(s.Out, format, answer, func() error { return v.text(answer) })
		})
	}
}

// textOrJSON refuses a format that shown does not know.
func textOrJSON(format string) error {
	if format != "text" && format != "json" {
		return usageError("", "--format %s is not known: text or json", format)
	}
	return nil
}

// shown writes v as JSON, or as text does.
func shown(w io.Writer, format string, v any, text func() error) error {
	if format == "text" {
		return text()
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
