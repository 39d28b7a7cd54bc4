/**
 * How a feature's values become the model's numbers, as a system document says it; the shapes are those of
 * `features[].encode` there. Fitted on training rows only.
 */
export type Encode =
  | { readonly kind: 'one-hot'; readonly max: number }
  | { readonly kind: 'ordinal' }
  | { readonly kind: 'frequency' }
  | { readonly kind: 'target'; readonly priorRows: number }
  | { readonly kind: 'standard' }
  | { readonly kind: 'min-max' }
  | { readonly kind: 'impute'; readonly with: 'mean' | 'median' | number };
