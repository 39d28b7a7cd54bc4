import { transforms } from '../graph/transforms.js';

const tensors = (description: string) => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
});

/** A graph of models as people write it and `graph/graph-body.ts` reads it. */
export const graphSchema = {
  type: 'object',
  required: ['steps'],
  additionalProperties: false,
  properties: {
    steps: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'outputs'],
        additionalProperties: false,
        properties: {
          name: { type: 'string' },
          model: { type: 'string', description: 'A model that is served; or else a transform.' },
          transform: { type: 'string', enum: Object.keys(transforms) },
          inputs: tensors(
            "The tensor for each input, by the step's own name for it. What no step makes is an input of the graph.",
          ),
          outputs: tensors("The tensor that each output becomes, by the step's own name for it."),
          parameters: {
            type: 'array',
            items: { type: 'number' },
            description:
              'Of a transform: weights of a mean, factor and offset of a scale, columns of a select.',
          },
        },
      },
    },
    outputs: {
      type: 'array',
      items: { type: 'string' },
      description: 'Tensors to answer with; all that no step takes where it is left out.',
    },
  },
};
/** A weighted mean of two models' answers. */
export const graphExample = {
  steps: [
    { name: 'first', model: 'price-a', inputs: { x: 'x' }, outputs: { price: 'a' } },
    { name: 'second', model: 'price-b', inputs: { x: 'x' }, outputs: { price: 'b' } },
    {
      name: 'both',
      transform: 'mean',
      inputs: { a: 'a', b: 'b' },
      outputs: { mean: 'price' },
      parameters: [3, 1],
    },
  ],
};
