package schemas

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// answer is what a rule says of a row: three-valued logic, and a fault.
type answer uint8

const (
	no      answer = iota
	yes            //
	unknown        // a field that was read is absent
	fault          // it has no value: a division by zero, an overflow
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// check is a rule, or part of one, compiled to run on the row being read.
type check func(*Batch) answer

// rule is one row or cross-field rule of the contract, compiled.
type rule struct {
	name   string
	zh, en string
	blame  *field // the field an error names, nil when the rule reads none
	check  check
	needs  []int // optional fields that are read without being tested by has()
	typed  bool  // compiled to comparisons of columns; else cel-go runs it
}

// holds reports whether the row being read keeps the rule. What cannot be told is no offence.
func (r *rule) holds(b *Batch) bool {
	for _, at := range r.needs {
		if !b.has.has(at) {
			return true
		}
	}
	a := r.check(b)
	return a == yes || a == unknown
}

func compileRules(p *Plan) ([]rule, error) {
	if len(p.contract.Rules) == 0 {
		return nil, nil
	}
	env, err := ruleEnv(p)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	rules := make([]rule, 0, len(p.contract.Rules))
	for i := range p.contract.Rules {
		r, err := compileRule(p, env, &p.contract.Rules[i])
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", p.contract.Rules[i].Name, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// ruleEnv declares the properties. All may be null, so that has(x), which is x != null,
// and comparisons pass the checker; decimals are dynamic, because CEL has no type
// for them and only the typed rules, which are exact, may read them.
func ruleEnv(p *Plan) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ClearMacros(), cel.CrossTypeNumericComparisons(true),
		cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.GlobalMacro("has", 1, expandHas)),
	}
	for i := range p.fields {
		f := &p.fields[i]
		t := cel.DynType
		switch f.kind {
		case kindString, kindCode:
			t = cel.NullableType(cel.StringType)
		case kindInt:
			t = cel.NullableType(cel.IntType)
		case kindFloat:
			t = cel.NullableType(cel.DoubleType)
		case kindBool:
			t = cel.NullableType(cel.BoolType)
		case kindTime, kindDate:
			t = cel.NullableType(cel.TimestampType)
		}
		options = append(options, cel.Variable(f.name, t))
	}
	return cel.NewEnv(options...)
}

// expandHas makes has(x) of a property x a test for null.
func expandHas(f cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if args[0].Kind() != ast.IdentKind {
		return cel.HasMacro.Expander()(f, target, args)
	}
	return f.NewCall(operators.NotEquals, args[0], f.NewLiteral(types.NullValue)), nil
}

func compileRule(p *Plan, env *cel.Env, source *Rule) (rule, error) {
	r := rule{name: source.Name, zh: source.Message, en: source.MessageEN}
	if r.zh == "" {
		r.zh = "不符合规则 " + source.Name + "：" + source.CEL
	}
	if r.en == "" {
		r.en = "breaks the rule " + source.Name + ": " + source.CEL
	}
	checked, issues := env.Compile(source.CEL)
	if issues.Err() != nil {
		return r, issues.Err()
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) && !t.IsExactType(cel.NullableType(cel.BoolType)) {
		return r, fmt.Errorf("%s is a %s, a rule must be true or false", source.CEL, t)
	}
	reads, tested := p.reads(checked.NativeRep().Expr())
	for _, at := range reads {
		if !tested.has(at) && !p.required.has(at) {
			r.needs = append(r.needs, at)
		}
	}
	if len(source.Fields) > 0 {
		if at := p.names.find([]byte(source.Fields[0])); at > 0 {
			r.blame = &p.fields[at-1]
		}
	}
	if r.blame == nil && len(reads) > 0 {
		r.blame = &p.fields[reads[0]]
	}
	c := typedRules{plan: p}
	if r.check = c.boolean(checked.NativeRep().Expr()); r.check != nil {
		r.typed = true
		return r, nil
	}
	for _, at := range reads {
		if k := p.fields[at].kind; k == kindDecimal || k == kindWide {
			return r, fmt.Errorf("%s reads the decimal %s in a way that cannot be computed exactly; use comparisons, +, - and * of columns and constants, &&, ||, ! and has()",
				source.CEL, p.fields[at].name)
		}
	}
	var err error
	r.check, err = celCheck(p, env, checked, reads)
	return r, err
}

// reads lists the fields that an expression names, in order of appearance, and marks
// those that it tests for being there.
func (p *Plan) reads(e ast.Expr) (out []int, tested bitset) {
	field := func(e ast.Expr) int {
		if e.Kind() != ast.IdentKind {
			return -1
		}
		return int(p.names.find([]byte(e.AsIdent()))) - 1
	}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if at := field(e); at >= 0 && !slices.Contains(out, at) {
			out = append(out, at)
		}
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		if name := call.FunctionName(); name != operators.Equals && name != operators.NotEquals {
			return
		}
		left, right := call.Args()[0], call.Args()[1]
		if isNull(left) {
			left, right = right, left
		}
		if at := field(left); at >= 0 && isNull(right) {
			tested.set(at)
		}
	}))
	return out, tested
}
