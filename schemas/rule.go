package schemas

// rule is one row or cross-field rule of the contract, compiled.
type rule struct {
	name   string
	zh, en string
	blame  *field // the field an error names, nil when the rule reads none
	holds  func(*Batch) bool
}

func compileRules(p *Plan) ([]rule, error) {
	return nil, nil
}
