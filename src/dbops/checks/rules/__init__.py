"""The rules, one module each, in a package for each family; found by `rule.rules()`, listed nowhere."""
