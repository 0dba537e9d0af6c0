"""Gradient descent on a loss of a few numbers."""

import keras
import tensorflow as tf

RISE, FALL = 0.1, 0.5  # shares of the steps in which the learning rate rises, and falls to zero


def descend(loss, variables, *, steps: int, learning_rate: float, seed: int = 0) -> None:
    """Moves variables down a loss by Adam, whose learning rate falls to zero at the end.

    Args:
        loss: a function of a stateless seed, int32 [2], another one each step, that returns a scalar.
        variables: what it depends on, those of Keras.
        steps: of Adam.
        learning_rate: the highest.
        seed: from which the step's seeds are made.
    """
    rise = round(RISE * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - rise, warmup_target=learning_rate, warmup_steps=max(1, rise)
    )
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(variables)

    @tf.function(autograph=False)
    def run():
        def step(count):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for variable in variables:
                    tape.watch(variable.value)
                value = loss(tf.stack([seed, count]))
            optimizer.apply(tape.gradient(value, [variable.value for variable in variables]), variables)
            return [count + 1]

        tf.while_loop(lambda count: count < steps, step, [tf.constant(0)])

    run()
