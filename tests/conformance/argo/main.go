// Command argo asks Argo's own code about lowered workflows:
//
//	argo lint FILE…      lints manifests with Argo's validator, strictly; one line a file, status 1 if any fails
//	argo replace         reads JSON lines {"document", "variables"}, writes the document with its tags replaced
//	argo evaluate        reads JSON lines {"expression", "variables"}, writes {"value"} or {"error"}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/expr-lang/expr"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/expr/env"
	"github.com/argoproj/argo-workflows/v3/util/template"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
)

// lint checks one manifest as a submission, which asks for more than `argo lint`, and as an upload to the Pipelines
// backend, which lints.
func lint(path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	workflows, err := common.SplitWorkflowYAMLFile(body, true)
	if err != nil {
		return err
	}
	if len(workflows) != 1 {
		return fmt.Errorf("%d workflows, want 1", len(workflows))
	}
	workflow := workflows[0]
	if got, want := workflow.APIVersion, wfv1.SchemeGroupVersion.String(); got != want {
		return fmt.Errorf("apiVersion %q, want %q", got, want)
	}
	submit := true
	for _, parameter := range workflow.Spec.Arguments.Parameters {
		submit = submit && parameter.Value != nil // a parameter without a default has its value from `argo submit -p`
	}
	for _, options := range []validate.ValidateOpts{{Lint: true}, {Submit: submit, Lint: !submit}} {
		// Manifests stand alone, so there are no templates elsewhere to look up.
		if err := validate.ValidateWorkflow(nil, nil, workflow.DeepCopy(), nil, options); err != nil {
			return fmt.Errorf("%+v: %w", options, err)
		}
	}
	return nil
}

type question struct {
	Document   json.RawMessage   `json:"document"`
	Expression string            `json:"expression"`
	Variables  map[string]string `json:"variables"`
}

func replace(asked question) (any, error) {
	text, err := template.Replace(string(asked.Document), asked.Variables, true)
	return json.RawMessage(text), err
}

func evaluate(asked question) (any, error) {
	variables := make(map[string]any, len(asked.Variables))
	for name, value := range asked.Variables {
		variables[name] = value
	}
	known := env.GetFuncMap(variables)
	program, err := expr.Compile(asked.Expression, expr.Env(known))
	if err != nil {
		return nil, err
	}
	return expr.Run(program, known)
}

// each answers every question on standard input with one line on standard output.
func each(answer func(question) (any, error)) error {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	decoder, encoder := json.NewDecoder(input), json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for decoder.More() {
		var asked question
		if err := decoder.Decode(&asked); err != nil {
			return err
		}
		value, err := answer(asked)
		reply := map[string]any{"value": value}
		if err != nil {
			reply = map[string]any{"error": err.Error()}
		}
		if err := encoder.Encode(reply); err != nil {
			return err
		}
	}
	return nil
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("lint, replace or evaluate?")
	}
	switch arguments[0] {
	case "lint":
		failed := 0
		for _, path := range arguments[1:] {
			if err := lint(path); err != nil {
				fmt.Printf("FAIL %s: %v\n", path, err)
				failed++
				continue
			}
			fmt.Printf("ok %s\n", path)
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d manifests failed", failed, len(arguments)-1)
		}
		return nil
	case "replace":
		return each(replace)
	case "evaluate":
		return each(evaluate)
	default:
		return fmt.Errorf("unknown command %q", arguments[0])
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
