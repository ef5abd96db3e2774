/** Expressions as problems of a workflow. */
import { isPitError } from '../../../runtime/index.ts'
import { compileExpression, type ExpressionScope } from './expressions.ts'
import { ProblemCode, type Path, type ProblemCollector } from './problems.ts'

/** Adds a problem when `text` is no expression of that scope. */
export function checkExpression(text: string, scope: ExpressionScope, path: Path, problems: ProblemCollector): void {
  try {
    compileExpression(text, scope)
  } catch (error) {
    if (!isPitError(error, 'EXPRESSION_INVALID')) throw error
    const { reason, offset } = error.fields as { reason: string; offset: number }
    problems.add(ProblemCode.InvalidExpression, path, `${reason} at character ${offset + 1} of \`${text}\``)
  }
}
