"""What the source of a module says, read without running it: docstrings, constants, the parameters of a function.

So a command line is checked, and its help printed, before TensorFlow is imported, which every entry needs.
"""

import ast
import builtins
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
from pathlib import Path


class SourceError(Exception):
    """The source of a module is not found, or does not say what was asked unless it is run."""


def locate(module: str) -> Path:
    """The source file of a module; the packages that it lies in are not imported. Raises SourceError."""
    top, *rest = module.split(".")
    try:
        spec, name = importlib.util.find_spec(top), top
        for part in rest:
            name = f"{name}.{part}"
            folders = spec.submodule_search_locations if spec else None
            spec = importlib.machinery.PathFinder.find_spec(name, folders) if folders else None
    except (ImportError, ValueError, AttributeError) as error:
        raise SourceError(f"{module} is not found: {error}") from error
    if not spec or not spec.origin or not spec.origin.endswith(".py"):
        raise SourceError(f"{module} has no source file")
    return Path(spec.origin)


def read(module: str) -> "Source":
    """The source of a module. Raises SourceError."""
    path = locate(module)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    return Source(module, tree, path.name == "__init__.py")


class Source:
    """The names that a module binds at its top, as a namespace whose values are computed when they are asked for.

    Expressions are evaluated with names of the standard library, of Python and of other modules' sources.
    """

    def __init__(self, module: str, tree: ast.Module, is_package: bool):
        self._module, self._tree = module, tree
        self._package = module if is_package else module.rpartition(".")[0]
        self._bound = {}
        for node in tree.body:
            self._bound |= _bindings(node)

    def __getitem__(self, name: str):
        """The value of a name. Raises SourceError where only running the module would tell it."""
        if name not in self._bound:
            if hasattr(builtins, name):
                return getattr(builtins, name)
            raise SourceError(f"{self._module} does not say what {name} is")
        node, part = self._bound[name]
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._imported(node, part)
        if isinstance(node, ast.expr):
            value = self.evaluated(node)
            return value if part is None else value[part]
        raise SourceError(f"{name} of {self._module} is not a plain value")

    def __getattr__(self, name: str):
        return self[name]

    def docstring(self) -> str:
        """The module's, or ""."""
        return ast.get_docstring(self._tree) or ""

    def defines(self, name: str) -> bool:
        """Whether the module binds a name at its top."""
        return name in self._bound

    def evaluated(self, node: ast.expr):
        """The value of an expression. Raises SourceError."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        try:
            code = compile(ast.Expression(node), self._module, "eval")
            return eval(code, {"__builtins__": {}}, self)
        except SourceError:
            raise
        except Exception as error:  # whatever an expression raises
            raise SourceError(f"{ast.unparse(node)} of {self._module} is known only when it runs: {error}") from error

    def function(self, name: str) -> tuple["Source", ast.FunctionDef]:
        """The function of a name, the constructor if it is a class, and the module that defines it."""
        node, part = self._bound.get(name, (None, None))
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            return self, node
        if isinstance(node, ast.ClassDef):
            return self._constructor(node)
        if isinstance(node, ast.ImportFrom):
            return read(self._origin(node)).function(part)
        if isinstance(node, ast.Name | ast.Attribute) and part is None:
            return self._function_of(node)
        raise SourceError(f"{name} of {self._module} is not a plain function or class")

    def parameters(self, name: str) -> dict[str, inspect.Parameter]:
        """The parameters of a function or of a class, by name, as `inspect.signature(..., eval_str=True)` has them."""
        source, node = self.function(name)
        return source.parameters_of(node)

    def documentation(self, name: str) -> str:
        """The docstring of a function, or of the constructor of a class; "" without one."""
        return ast.get_docstring(self.function(name)[1]) or ""

    def parameters_of(self, node: ast.FunctionDef) -> dict[str, inspect.Parameter]:
        """The parameters of a function of this module, without a `self`."""
        kinds, arguments = inspect.Parameter, node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
        listed = [
            (
                argument,
                kinds.POSITIONAL_ONLY if argument in arguments.posonlyargs else kinds.POSITIONAL_OR_KEYWORD,
                default,
            )
            for argument, default in zip(positional, defaults, strict=True)
        ]
        listed += [(arguments.vararg, kinds.VAR_POSITIONAL, None)] * bool(arguments.vararg)
        pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        listed += [(argument, kinds.KEYWORD_ONLY, default) for argument, default in pairs]
        listed += [(arguments.kwarg, kinds.VAR_KEYWORD, None)] * bool(arguments.kwarg)
        if node.name == "__init__":
            del listed[0]
        return {
            argument.arg: kinds(
                argument.arg,
                kind,
                default=kinds.empty if default is None else self.evaluated(default),
                annotation=kinds.empty if argument.annotation is None else self._annotation(argument.annotation),
            )
            for argument, kind, default in listed
        }

    def _annotation(self, node: ast.expr):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        return None if isinstance(node, ast.Constant) and node.value is None else self.evaluated(node)

    def _constructor(self, node: ast.ClassDef) -> tuple["Source", ast.FunctionDef]:
        """The `__init__` of a class, or the first that its bases have."""
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and member.name == "__init__" and not member.decorator_list:
                return self, member
        for base in node.bases:
            try:
                return self._function_of(base)
            except SourceError:
                continue
        raise SourceError(f"{node.name} of {self._module} has no constructor of its own")

    def _function_of(self, node: ast.expr) -> tuple["Source", ast.FunctionDef]:
        """The function that `name` or `module.name` is."""
        if isinstance(node, ast.Name):
            return self.function(node.id)
        if isinstance(node, ast.Attribute) and isinstance(owner := self.evaluated(node.value), Source):
            return owner.function(node.attr)
        raise SourceError(f"{ast.unparse(node)} of {self._module} is known only when it runs")

    def _origin(self, node: ast.ImportFrom) -> str:
        """The full name of the module that names are imported from."""
        above = self._package.rsplit(".", node.level - 1)[0] if node.level else ""
        return ".".join(part for part in (above, node.module) if part)

    def _imported(self, node: ast.Import | ast.ImportFrom, name: str):
        if isinstance(node, ast.Import):
            return _module(name)
        origin = self._origin(node)
        module = _module(origin)
        if isinstance(module, Source) and not module.defines(name):
            return _module(f"{origin}.{name}")
        return getattr(module, name)


def _module(name: str):
    """A module of the standard library, or the source of another one."""
    return importlib.import_module(name) if name.partition(".")[0] in sys.stdlib_module_names else read(name)


def _bindings(node: ast.stmt) -> dict:
    """The names that a statement binds: name -> (the statement or the expression that it is the value of, a part).

    The part is an index into the value of an unpacked assignment, or the name that an import has in its module.
    """
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name: (node, None)}
    if isinstance(node, ast.Import):
        names = [(alias.asname or alias.name.partition(".")[0], alias) for alias in node.names]
        return {bound: (node, alias.name if alias.asname else bound) for bound, alias in names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name: (node, alias.name) for alias in node.names}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        return {node.target.id: (node.value, None)}
    found = {}
    for target in node.targets if isinstance(node, ast.Assign) else ():
        if isinstance(target, ast.Name):
            found[target.id] = (node.value, None)
        elif isinstance(target, ast.Tuple):
            found |= {part.id: (node.value, i) for i, part in enumerate(target.elts) if isinstance(part, ast.Name)}
    return found
