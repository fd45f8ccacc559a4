"""Risk as intervals: a proportion from discounted counts, success past the safeguards that survive a tier, marginal
uplift over substitutes, loss a year, and the sum of one dimension against its threshold. Method §3; nothing is summed
across dimensions.
"""
